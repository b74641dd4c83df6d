// The windows over the pages: they fit and hinder nobody, on a phone and on a desk, light and dark.
import { go, judge, shoot, visit } from './browser.mjs';

// press clicks the first button of that name, and says whether there is one.
const press = (name) => async (p) => {
  const button = p.locator('main').getByRole('button', { name }).first();
  if (!(await button.count())) return false;
  await button.click();
  return true;
};
const typed = (name, label, text) => async (p) => (await press(name)(p)) && fill(p, label, text);
const fill = async (p, label, text) => (await p.locator('dialog[open]').getByLabel(label).first().fill(text), true);

const ofRows = /edit|remove|resume|undo|record|pattern/; // where there is no row, there is no such window

// By view, what opens them.
const openers = {
  overview: { pause: press(/^Pause/), keys: async (p) => (await p.keyboard.press('?'), true) },
  throttling: {
    throttle: press('Add a throttle'),
    'throttle-advanced': async (p) => (await press('Add a throttle')(p)) && (await p.getByText('Advanced limits').click(), true),
    'throttle-wrong': typed('Add a throttle', 'To the domain', 'no domain'),
    'throttle-edit': press(/^Edit/),
    'throttle-remove': press(/^Remove/),
  },
  floods: { flood: press('Create a flood pattern'), 'flood-edit': press(/^Edit/) },
  pauses: { 'pause-form': press('Pause deliveries'), resume: press(/^Resume/) },
  redirects: { redirect: press('Redirect deliveries') },
  names: { name: press('Add an EHLO name') },
  dns: { override: press('Add a DNS override') },
  locals: { local: press('Add a local address') },
  blacklist: { block: press('Block an address or range') },
  dkim: {
    key: typed('Generate a key', 'Domain', 'windows.test'),
    'key-import': press('Add a key that exists'),
    'key-edit': press(/^Edit: [^p]/),
    'key-remove': press(/^Remove: [^p]/),
    'key-record': press(/^DNS record/),
    pattern: press(/^Add a pattern/),
  },
  tokens: { token: press('Create a token') },
  changes: { undo: press(/^Undo/) },
};
const domain = { retry: press('Try now …'), move: press('Move …'), fail: typed('Fail …', 'Reason', 'it is not wanted any more') };
const source = { rename: press('Rename …') };

// eachWindow opens all of them in a page that is logged in, and tells what is wrong. at: pages with rows to look at.
export async function eachWindow(page, at, { suffix = '', accessible = () => true, pictures = true }, report) {
  const places = { ...openers, [`domains/${at.domain}`]: domain, [`sources/${encodeURIComponent(at.source)}`]: source };
  for (const [view, windows] of Object.entries(places)) {
    await go(page, '#/' + view);
    for (const [name, open] of Object.entries(windows)) {
      if (!(await open(page))) {
        if (!ofRows.test(name)) report(name, ['nothing opens it']);
        continue;
      }
      await page.locator('dialog[open]').waitFor();
      await page.waitForFunction(() => !document.querySelector('dialog [aria-busy=true], dialog .loading'));
      if (pictures) await shoot(page, `window-${name}${suffix}`);
      report(name, await judge(page, { accessible: accessible(name), within: 'dialog[open]' }));
      await page.keyboard.press('Escape');
      await page.locator('dialog[open]').waitFor({ state: 'detached' });
    }
  }
}

export async function everyWindow(o, report) {
  for (const look of [
    { width: 1280, scheme: 'light' },
    { width: 390, height: 844, scheme: 'dark' },
  ]) {
    const page = await visit(o, look);
    const kind = `${look.width}, ${look.scheme}`;
    const options = { suffix: `-${look.width}-${look.scheme}` };
    await eachWindow(page, { domain: 'gmail.com', source: '192.0.2.1' }, options, (name, wrong) =>
      report(`window ${name} at ${kind}`, wrong),
    );
    await page.context().close();
  }
}
