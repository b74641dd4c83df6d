// Drives the console of a daemon that delivers: one browser, one page, one step after the other. See browser_test.go for what is
// printed, and for the environment.
import { judge, open, shoot, visit } from '../../web/test/browser.mjs';
import { login, paint } from './login.mjs';
import { looks } from './looks.mjs';
import { closer } from './closer.mjs';
import { steering } from './steering.mjs';
import { strangers } from './strangers.mjs';

const words = (process.env.POSTHOORN_STEPS ?? '').split(' ').filter(Boolean);
const wanted = (name) => words.length === 0 || words.some((w) => name.includes(w));

function report(name, wrong) {
  console.log(`${wrong.length ? 'FAIL' : 'ok'} ${name}`);
  for (const w of wrong) console.log('  ' + w.replaceAll(/\s+/g, ' '));
}

// attempt turns what is thrown into a finding.
async function attempt(name, page, work) {
  const began = Date.now();
  try {
    await work();
    report(name, await judge(page, { accessible: false }));
  } catch (e) {
    await shoot(page, 'failed-' + name.replaceAll(/\W+/g, '-')).catch(() => {});
    report(name, [e.message.split('\n').slice(0, 6).join(' / '), ...page.faults.splice(0)]);
  }
  console.log(`took ${((Date.now() - began) / 1000).toFixed(1)} s: ${name}`);
}

const o = await open();
try {
  if (wanted('login')) report('login', await login(o));
  const page = await visit(o);
  await paint(page);
  const begin = async (view) => (await page.goto(`${o.url}/#/${view}`), await page.reload(), await page.locator('main h1').first().waitFor());
  for (const [name, [view, step]] of Object.entries({ ...steering, ...closer, ...strangers })) {
    if (!wanted(name)) continue;
    await attempt(name, page, async () => (await begin(view), await step(page, o)));
  }
  if (wanted('looks')) {
    for (const [name, look] of looks(page, o)) await attempt(name, page, look);
  }
} finally {
  await o.close();
}
