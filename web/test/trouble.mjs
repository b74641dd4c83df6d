// What the console says when the daemon does not do what it asks.
import { go } from './browser.mjs';

const answer =
  (status, error, headers = {}) =>
  (route) =>
    route.fulfill({ status, headers, contentType: 'application/json', body: JSON.stringify({ error }) });

const ready = (page) => page.waitForFunction(() => !document.querySelector('dialog[open] footer button:last-child').disabled);
const submit = (page) => page.locator('dialog[open] footer button').last().click();

async function login(page, o) {
  await page.locator('input[name=password]').fill(o.password);
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
  await page.locator('input[name=password]').waitFor({ state: 'detached' });
}

export const troubles = {
  async 'an answer that does not come'(page) {
    await page.route('**/api/v1/tags*', answer(503, 'the engine is being started'));
    await go(page, '#/tags');
    await page.getByText('the engine is being started').waitFor();
    await page.unroute('**/api/v1/tags*');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('the engine is being started').waitFor({ state: 'detached' });
  },

  async 'a daemon that is gone'(page) {
    await page.route('**/api/v1/**', (route) => route.abort());
    await go(page, '#/backlog');
    await page.getByText('The daemon does not answer').waitFor();
    page.faults.length = 0; // the browser notes each request that failed
  },

  // What was typed is there after the login, and can be saved; a save that came too late was not made.
  async 'a login that has run out'(page, o) {
    if (!o.mocked) return;
    await go(page, '#/throttling');
    await page.getByRole('button', { name: 'Add a throttle' }).click();
    const domain = page.locator('dialog[open]').getByLabel('To the domain');
    await domain.fill('kept.example');
    await ready(page);
    await page.context().clearCookies();
    await submit(page);
    await page.getByText('Session ended:').waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await login(page, o);
    await domain.waitFor();
    if ((await domain.inputValue()) !== 'kept.example') throw new Error('what was typed is gone');
    await ready(page);
    await submit(page);
    await page.getByLabel('Search in the throttles').fill('kept.example');
    const row = page.locator('main tbody tr', { hasText: 'kept.example' });
    await row.waitFor();
    if ((await row.count()) !== 1) throw new Error('it was saved twice');
    await page.locator('.toast button', { hasText: 'Undo' }).click();
    await row.waitFor({ state: 'detached' });
  },

  async 'secrets do not outlive a login'(page, o) {
    if (!o.mocked) return;
    await go(page, '#/dkim');
    await page.getByRole('button', { name: 'Add a key that exists' }).click();
    await page.locator('dialog[open]').getByLabel('Domain').fill('kept.example');
    const secret = page.locator('dialog[open]').getByLabel('Private key');
    await secret.fill('-----BEGIN PRIVATE KEY-----');
    await page.context().clearCookies();
    await page.locator('dialog[open]').getByLabel('Selector').fill('s1'); // asks what it would do
    await login(page, o);
    await secret.waitFor();
    if ((await secret.inputValue()) !== '') throw new Error('the private key is kept');
    if ((await page.locator('dialog[open]').getByLabel('Selector').inputValue()) !== 's1') throw new Error('the selector is gone');
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
    if (/kept\.example|PRIVATE/.test(kept)) throw new Error('it is stored: ' + kept);
  },

  async 'too many tries'(page, o) {
    if (o.token) return;
    await page.context().clearCookies();
    await page.reload();
    await page.route('**/api/v1/login', answer(429, 'too many tries', { 'Retry-After': '600' }));
    if (await page.locator('input[name=user]').count()) await page.fill('input[name=user]', 'ann');
    await page.fill('input[name=password]', 'wrong');
    await page.click('button[type=submit]');
    await page.getByText(/Try again in [56]\d\d s/).waitFor();
    if (await page.getByRole('button', { name: 'Log in' }).isEnabled()) throw new Error('it can be tried at once');
  },

  async 'an edit that the daemon refuses'(page) {
    await go(page, '#/dns');
    await page.getByRole('button', { name: 'Add a DNS override' }).click();
    await page.locator('dialog[open]').getByLabel('IP address').fill('no address');
    await page.getByText('Not possible').waitFor();
    if (await page.locator('dialog[open] footer button').last().isEnabled()) throw new Error('it can be saved');
  },

  async 'a change that cannot be undone'(page) {
    await page.route('**/api/v1/changes/*/undo', answer(409, 'the row has been changed since'));
    await go(page, '#/blacklist');
    await page.getByRole('button', { name: 'Block an address or range' }).click();
    await page.locator('dialog[open]').getByLabel('Address or range').fill('203.0.113.78');
    await ready(page);
    await submit(page);
    await page.locator('.toast button', { hasText: 'Undo' }).click();
    await page.getByText('the row has been changed since').waitFor();
    await page.unroute('**/api/v1/changes/*/undo');
    const row = page.locator('main tbody tr', { hasText: '203.0.113.78' });
    await row.getByRole('button', { name: /^Remove/ }).click();
    await ready(page);
    await submit(page);
    await row.waitFor({ state: 'detached' });
  },

  async 'a selection that does not exist'(page) {
    await go(page, '#/overview?source=192.0.2.1&tag=a');
    await page
      .getByText(/name one of them/)
      .first()
      .waitFor();
    page.faults.length = 0; // the browser notes that the websocket was refused
  },
};
