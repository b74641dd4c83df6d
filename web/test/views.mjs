// Every view at every width, light and dark: it fits, nothing serious hinders anybody, no stranger's text does anything.
import { go, judge, shoot, visit } from './browser.mjs';

export const views = [
  'overview',
  'domains',
  'domains/gmail.com',
  'backlog',
  'sources',
  'tags',
  'pauses',
  'throttling',
  'floods',
  'redirects',
  'dkim',
  'names',
  'dns',
  'locals',
  'blacklist',
  'logs',
  'monitor',
  'test',
  'changes',
  'tokens',
];

const looks = [
  { width: 1280, scheme: 'light', accessible: true },
  { width: 390, height: 844, scheme: 'light', accessible: true },
  { width: 1920, height: 1080, scheme: 'dark', accessible: true },
  { width: 390, height: 844, scheme: 'dark', accessible: false },
];

export async function everyView(o, report) {
  for (const look of looks) {
    const page = await visit(o, look);
    const source = await firstSource(page);
    for (const view of [...views, ...(source ? [`sources/${encodeURIComponent(source)}`] : [])]) {
      await go(page, '#/' + view);
      if (/overview|gmail/.test(view)) await page.waitForTimeout(1300); // for a second of live data
      await shoot(page, `${view.replaceAll(/[^a-z0-9]+/gi, '-')}-${look.width}-${look.scheme}`);
      report(`${view} at ${look.width}, ${look.scheme}`, await judge(page, look));
    }
    await page.context().close();
  }
}

export const firstSource = (page) =>
  page.evaluate(async () => (await (await fetch('api/v1/session')).json()).instance?.sources?.[0]);
