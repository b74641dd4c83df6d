// The windows over the pages: they fit and hinder nobody, on a phone and on a desk, light and dark.
import { go, judge, shoot, visit } from './browser.mjs';

const openers = {
  pause: [
    'overview',
    (p) =>
      p
        .getByRole('button', { name: /^Pause/ })
        .first()
        .click(),
  ],
  throttle: ['throttling', (p) => p.getByRole('button', { name: 'Add a throttle' }).click()],
  'throttle-advanced': [
    'throttling',
    async (p) => {
      await p.getByRole('button', { name: 'Add a throttle' }).click();
      await p.getByText('Advanced limits').click();
    },
  ],
  flood: ['floods', (p) => p.getByRole('button', { name: 'Create a flood pattern' }).click()],
  key: ['dkim', (p) => p.getByRole('button', { name: 'Generate a key' }).click()],
  'key-import': ['dkim', (p) => p.getByRole('button', { name: 'Add a key that exists' }).click()],
  fail: ['domains/gmail.com', (p) => p.getByRole('button', { name: 'Fail …' }).click()],
  redirect: ['redirects', (p) => p.getByRole('button', { name: 'Redirect deliveries' }).click()],
};

export async function everyWindow(o, report) {
  for (const look of [
    { width: 1280, scheme: 'light' },
    { width: 390, height: 844, scheme: 'dark' },
  ]) {
    const page = await visit(o, look);
    for (const [name, [view, open]] of Object.entries(openers)) {
      await go(page, '#/' + view);
      await open(page);
      await page.locator('dialog[open]').waitFor();
      await page.waitForTimeout(700); // for the preview
      await shoot(page, `window-${name}-${look.width}-${look.scheme}`);
      report(`window ${name} at ${look.width}, ${look.scheme}`, await judge(page));
      await page.keyboard.press('Escape');
      await page.locator('dialog[open]').waitFor({ state: 'detached' });
    }
    await page.context().close();
  }
}
