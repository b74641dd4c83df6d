// Drives the console in Chromium: see browser.mjs for the environment. Arguments: views, windows, steps, troubles, keyboard (default: all).
import { go, judge, open, shoot, visit } from './browser.mjs';
import { keyboard } from './keyboard.mjs';
import { steps } from './steps.mjs';
import { troubles } from './trouble.mjs';
import { everyView } from './views.mjs';
import { everyWindow } from './windows.mjs';

const wanted = process.argv.slice(2);
const want = (what) => wanted.length === 0 || wanted.includes(what);
let bad = 0;

function report(what, wrong) {
  console.log(`${wrong.length ? 'FAIL' : 'ok  '} ${what}`);
  for (const w of wrong) console.log('     ' + w);
  bad += wrong.length ? 1 : 0;
}

// attempt turns what is thrown into a finding.
async function attempt(what, page, work) {
  try {
    await work();
    await shoot(page, 'after-' + what.replaceAll(/\W+/g, '-'));
    report(what, await judge(page, { accessible: false }));
  } catch (e) {
    await shoot(page, 'failed-' + what.replaceAll(/\W+/g, '-')).catch(() => {});
    report(what, [e.message.split('\n').slice(0, 6).join(' / '), ...page.faults]);
  }
}

const o = await open();
try {
  if (want('views')) await everyView(o, report);
  if (want('windows')) await everyWindow(o, report);
  if (want('steps')) {
    for (const [name, step] of Object.entries(steps)) {
      const page = await visit(o);
      await go(page, '#/' + name);
      await attempt('steps in ' + name, page, () => step(page, o));
      await page.context().close();
    }
  }
  if (want('troubles')) {
    for (const [name, trouble] of Object.entries(troubles)) {
      const page = await visit(o);
      await attempt(name, page, () => trouble(page, o));
      await page.context().close();
    }
  }
  if (want('keyboard')) {
    const page = await visit(o);
    await attempt('keyboard', page, () => keyboard(page));
    await page.context().close();
  }
} finally {
  await o.close();
}
console.log(bad ? `${bad} failed` : 'all is well');
process.exitCode = bad ? 1 : 0;
