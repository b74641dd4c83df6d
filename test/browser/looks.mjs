// Every view, and every window over one, as it stands with mail in all states: it fits, nothing serious hinders anybody. With
// POSTHOORN_SHOTS at all widths and in all colours, and a picture of each.
import { go, judge, shoot } from '../../web/test/browser.mjs';
import { views } from '../../web/test/views.mjs';
import { eachWindow } from '../../web/test/windows.mjs';

const all = [
  { width: 1280, height: 900, scheme: 'light', accessible: /./, windows: /./ },
  { width: 390, height: 844, scheme: 'dark', accessible: /overview|domains|throttling|monitor/, windows: /^(throttle|fail|key)$/ },
  { width: 1920, height: 1080, scheme: 'dark' },
  { width: 390, height: 844, scheme: 'light', pictures: true },
  { width: 1280, height: 900, scheme: 'dark', pictures: true },
  { width: 1920, height: 1080, scheme: 'light', pictures: true },
];
const pictures = Boolean(process.env.POSTHOORN_SHOTS);

// looks are names with what is to be done: all views, and then all windows over them.
export function looks(page) {
  const wanted = all.filter((look) => pictures || !look.pictures);
  const steps = (of, name, work) => of.map((look) => [`${name} at ${look.width}, ${look.scheme}`, () => wear(page, look, work)]);
  return [
    ...steps(wanted, 'looks', everyView),
    ...steps(wanted.filter((look) => pictures || look.windows), 'looks at windows', everyWindow),
  ];
}

async function wear(page, look, work) {
  await page.setViewportSize(look);
  await page.emulateMedia({ colorScheme: look.scheme });
  const wrong = [];
  await work(page, look, (name, found) => wrong.push(...found.map((w) => `${name}: ${w}`)));
  if (wrong.length) throw new Error(wrong.join(' ;; '));
}

async function everyView(page, look, report) {
  const here = [...views.filter((v) => v !== 'domains/gmail.com'), 'domains/xss.test', 'domains/flood.test', `sources/${process.env.OWN}`];
  for (const view of here) {
    await go(page, '#/' + view);
    if (pictures) {
      await page.waitForTimeout(1200); // for a second of live data
      await shoot(page, `${view.replaceAll(/[^a-z0-9]+/gi, '-')}-${look.width}-${look.scheme}`);
    }
    report(view, await judge(page, { accessible: look.accessible?.test(view) ?? false }));
  }
}

async function everyWindow(page, look, report) {
  await furnish(page);
  const options = { suffix: `-${look.width}-${look.scheme}`, pictures, accessible: (name) => look.windows?.test(name) ?? false };
  await eachWindow(page, { domain: 'flood.test', source: process.env.OWN }, options, report);
}

// furnish adds the rows that the windows are about, once.
const furnish = (page) => page.evaluate(async () => {
  const { csrf } = await (await fetch('api/v1/session')).json();
  const rows = {
    capacity: { domain: 'windows.test', name: 'for the windows', domain_maxmessages: 60 },
    flood_responses: { name: 'for the windows', type: 'substr', pattern: 'no such words', pause: 1 },
    paused: { target: 'windows.test', cluster: true },
  };
  for (const [table, cells] of Object.entries(rows)) {
    if ((await (await fetch('api/v1/tables/' + table)).json()).rows?.length) continue;
    await fetch('api/v1/tables/' + table, { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf }, body: JSON.stringify({ cells }) });
  }
});
