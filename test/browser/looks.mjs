// Every view as it stands with mail in all states: it fits, nothing serious hinders anybody. With POSTHOORN_SHOTS at all widths and
// in all colours, and a picture of each.
import { go, judge, shoot } from '../../web/test/browser.mjs';
import { views } from '../../web/test/views.mjs';

const all = [
  { width: 1280, height: 900, scheme: 'light', accessible: /./ },
  { width: 390, height: 844, scheme: 'dark', accessible: /overview|domains|throttling|monitor/ },
  { width: 1920, height: 1080, scheme: 'dark' },
  { width: 390, height: 844, scheme: 'light', pictures: true },
  { width: 1280, height: 900, scheme: 'dark', pictures: true },
  { width: 1920, height: 1080, scheme: 'light', pictures: true },
];
const pictures = Boolean(process.env.POSTHOORN_SHOTS);

// looks are names with what is to be done.
export function looks(page) {
  const here = [...views.filter((v) => v !== 'domains/gmail.com'), 'domains/xss.test', 'domains/flood.test', `sources/${process.env.OWN}`];
  return all.filter((look) => pictures || !look.pictures).map((look) => [`looks at ${look.width}, ${look.scheme}`, async () => {
    await page.setViewportSize(look);
    await page.emulateMedia({ colorScheme: look.scheme });
    const wrong = [];
    for (const view of here) {
      await go(page, '#/' + view);
      if (pictures) {
        await page.waitForTimeout(1200); // for a second of live data
        await shoot(page, `${view.replaceAll(/[^a-z0-9]+/gi, '-')}-${look.width}-${look.scheme}`);
      }
      wrong.push(...(await judge(page, { accessible: look.accessible?.test(view) ?? false })).map((w) => `${view}: ${w}`));
    }
    if (wrong.length) throw new Error(wrong.join(' ;; '));
  }]);
}
