// What an operator does, once in each view.
import { firstSource } from './views.mjs';

export const dialog = (page) => page.locator('dialog[open]');

// save waits for the preview, which alone lets the button be pressed, and for the toast. last: no other window follows.
export async function save(page, verb = 'Save', last = true) {
  const button = dialog(page).locator('footer button').last();
  await dialog(page).getByRole('button', { name: verb, exact: true }).waitFor();
  await page.waitForFunction(() => !document.querySelector('dialog[open] footer button:last-child').disabled);
  const effect = await dialog(page).locator('section[aria-label="What this does"]').innerText();
  if (effect.length < 20) throw new Error('no effect is told before saving: ' + effect);
  await Promise.all([page.locator('.toast').last().waitFor(), button.click()]); // a toast does not stay for long
  if (last) await dialog(page).waitFor({ state: 'detached' });
}

export const undo = async (page) => {
  await page.locator('.toast button', { hasText: 'Undo' }).last().click();
  await page.locator('.toast', { hasText: 'Undone.' }).waitFor();
};

export const rowWith = (page, text) => page.locator('main tbody tr', { hasText: text });

// table adds a row, sees it, undoes it, and sees it gone.
const table = (add, fill, shown) => async (page) => {
  await page.getByRole('button', { name: add, exact: true }).click();
  await fill(page);
  await save(page);
  await rowWith(page, shown).first().waitFor();
  await undo(page);
  await rowWith(page, shown).first().waitFor({ state: 'detached' });
};

export const fillIn = (page, label, value) => dialog(page).getByLabel(label, { exact: true }).fill(value);
export const choose = (page, label, value) => dialog(page).getByLabel(label, { exact: true }).selectOption(value);

export const steps = {
  async overview(page) {
    await page.getByRole('button', { name: 'Errors' }).click();
    if ((await page.getByRole('button', { name: 'Errors' }).getAttribute('aria-pressed')) !== 'false')
      throw new Error('a tile does not switch its line');
    await page.getByRole('button', { name: 'Last hour' }).click();
    await page.locator('main .chart canvas').first().waitFor();
    await page.getByLabel('Domain', { exact: true }).fill('steps.example');
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'Why does steps.example wait?' }).waitFor();
  },

  async pauses(page, o) {
    if (o.mocked) await rowWith(page, 'hotmail.com').getByText('Warning: in force, and held in memory alone').waitFor();
    await page.getByRole('button', { name: 'Pause deliveries', exact: true }).click();
    await fillIn(page, 'To domain or remote IP', 'steps.example');
    await dialog(page).getByRole('button', { name: '1 h', exact: true }).click();
    await save(page, 'Pause');
    await rowWith(page, 'steps.example')
      .getByRole('button', { name: /^Resume/ })
      .click();
    await save(page, 'Resume');
    await rowWith(page, 'steps.example').waitFor({ state: 'detached' });
  },

  async throttling(page) {
    await page.getByRole('button', { name: 'Add a throttle' }).click();
    await fillIn(page, 'To the domain', 'steps.example');
    const messages = dialog(page)
      .locator('fieldset', { hasText: 'Entire domain' })
      .locator('.limit', { hasText: 'Messages per minute' });
    if (!/→ .+(built in|from)/.test(await messages.innerText()))
      throw new Error('it is not said where an unset limit comes from');
    await messages.locator('select').selectOption('number');
    await messages.locator('input').fill('120');
    await dialog(page).locator('section[aria-label="What this does"] table').waitFor();
    await save(page);
    const search = page.getByLabel('Search in the throttles');
    if (await search.count()) await search.fill('steps.example');
    await rowWith(page, 'steps.example').waitFor();
    await rowWith(page, '120').waitFor();
    await undo(page);
    await rowWith(page, 'steps.example').waitFor({ state: 'detached' });
  },

  async floods(page) {
    await page.getByRole('button', { name: 'Create a flood pattern' }).click();
    await fillIn(page, 'Name', 'steps');
    await fillIn(page, 'Pattern', 'slow (down|ly)');
    await dialog(page)
      .getByLabel(/Text to test it on/)
      .fill('421 please SLOW down');
    await dialog(page).getByText('The pattern matches').waitFor();
    await save(page);
    await rowWith(page, 'slow (down|ly)').waitFor();
    await undo(page);
  },

  redirects: async (page) => {
    const source = await firstSource(page);
    await table(
      'Redirect deliveries',
      async () => {
        await fillIn(page, 'Domain', 'steps.example');
        await choose(page, 'Send from', source);
      },
      'steps.example',
    )(page);
  },

  names: async (page) => {
    const source = await firstSource(page);
    await table(
      'Add an EHLO name',
      async () => {
        await choose(page, 'IP address', source);
        await fillIn(page, 'Name', 'steps.example');
      },
      'steps.example',
    )(page);
  },

  dns: table(
    'Add a DNS override',
    async (page) => {
      await fillIn(page, 'Domain', 'steps.example');
      await fillIn(page, 'IP address', '192.0.2.77');
    },
    'steps.example',
  ),

  locals: table(
    'Add a local address',
    async (page) => {
      await choose(page, 'Type of pattern', 'fnmatch');
      await fillIn(page, 'Address or pattern', '*@steps.example');
    },
    '*@steps.example',
  ),

  blacklist: table('Block an address or range', (page) => fillIn(page, 'Address or range', '203.0.113.77'), '203.0.113.77'),

  async tokens(page) {
    await page.getByRole('button', { name: 'Create a token' }).click();
    await fillIn(page, 'Name', 'steps');
    await save(page, 'Save', false);
    const token = await dialog(page).locator('pre').innerText();
    if (token.length < 40) throw new Error('the token is too short: ' + token);
    await page.keyboard.press('Escape');
    await dialog(page).waitFor({ state: 'detached' });
    if ((await page.content()).includes(token)) throw new Error('the token is still in the page');
    await undo(page);
  },

  async dkim(page) {
    await page.getByRole('button', { name: 'Generate a key' }).click();
    await fillIn(page, 'Domain', 'steps.example');
    await dialog(page).getByRole('button', { name: 'Generate', exact: true }).click();
    await dialog(page).getByText('_domainkey.steps.example').first().waitFor();
    await dialog(page).getByRole('button', { name: 'Copy value' }).click();
    await page.keyboard.press('Escape');
    const key = page.locator('article', { hasText: 'steps.example' });
    await key.getByRole('button', { name: /^Check DNS/ }).click();
    await key.locator('.notice').waitFor();
    await key.getByRole('button', { name: /^Add a pattern/ }).click();
    await choose(page, 'Type of pattern', 'fnmatch');
    await fillIn(page, 'Pattern', '*.steps.example');
    await save(page);
    await key.getByText('*.steps.example').waitFor();
    await key.getByRole('button', { name: /^Remove: s/ }).click();
    await save(page, 'Remove');
  },

  async domains(page, o) {
    await page.getByLabel('Domain', { exact: true }).fill('gmail.com');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Limits in force' }).waitFor();
    const holds = page.locator('section[aria-labelledby=limits] tr', { hasText: 'Holds mail up now' });
    if (o.mocked && !/^Messages per minute/.test(await holds.first().innerText())) throw new Error('the limit that holds mail up is not marked');
    await page.getByRole('button', { name: 'Fail …' }).click();
    const fail = dialog(page).getByRole('button', { name: 'Fail the waiting mail' });
    if (await fail.isEnabled()) throw new Error('failing mail needs no confirmation');
    await dialog(page).getByLabel('Reason').fill('a step');
    if (await fail.isEnabled()) throw new Error('a reason alone is enough');
    await page.keyboard.press('Escape');
    await dialog(page).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Try now …' }).click();
    await dialog(page).getByText('No way back').waitFor();
    await dialog(page).getByRole('button', { name: 'Try now', exact: true }).click();
    await page.locator('.toast', { hasText: 'will be tried now' }).waitFor();
  },

  async logs(page) {
    const lines = page.locator('.lines details');
    if (await lines.count()) {
      await lines.first().locator('summary').click();
      await lines.first().locator('pre').first().waitFor();
    }
    await page.getByLabel('Recipient').fill('nobody-at-all@steps.example');
    await page.getByRole('button', { name: 'Search', exact: true }).click();
    await page.getByText(/No line/).waitFor();
  },

  async monitor(page, o) {
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByText(/^Watching/).waitFor();
    if (o.mocked) await page.locator('.line.them').nth(20).waitFor();
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await page.getByText(/^Stopped/).waitFor();
  },

  async test(page, o) {
    await page.getByLabel('To', { exact: true }).fill('ann@steps.example');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await page.locator('.way li').first().waitFor();
    if (o.mocked) await page.getByText('This is the end of its way.').waitFor();
  },

  async changes(page) {
    const button = page.getByRole('button', { name: /^Undo … change/ });
    if (await button.count()) {
      await button.first().click();
      await save(page, 'Undo');
      await page.locator('.toast', { hasText: 'Undone.' }).waitFor();
    }
  },

  async backlog(page) {
    const search = page.getByLabel('Search by destination or reason');
    if (await search.count()) {
      await search.fill('no-such-destination');
      await page.getByText('Nothing is found.').waitFor();
    }
  },

  async sources(page) {
    await page.locator('main tbody a').first().click();
    await page.getByRole('button', { name: 'Rename …' }).click();
    await fillIn(page, 'Name', 'steps.example');
    await save(page);
    await undo(page);
  },

  async tags(page) {
    await page.getByLabel('Search by tag').fill('no-such-tag');
    await page.getByText('No tag is found').waitFor();
  },
};
