// What an operator changes, and what then becomes of the mail.
import { dialog, fillIn, choose, rowWith, save } from '../../web/test/steps.mjs';
import { go } from '../../web/test/browser.mjs';
import { addName, arrivals, check, publish, seen, submit, until, withToken } from './backstage.mjs';

const flows = (domain) => until(`mail for ${domain}`, async () => (await arrivals(domain, 0.9)) >= 2);

// own adds a row by the button of its view, waits for what it does, takes it back, and waits for that.
const own = (add, fill, shown, works, over) => async (page) => {
  const view = new URL(page.url()).hash;
  await page.getByRole('button', { name: add, exact: true }).click();
  await fill(page);
  await save(page);
  await rowWith(page, shown).first().waitFor();
  await until('its effect', works);
  await undoLatest(page, shown);
  await go(page, view);
  await rowWith(page, shown).first().waitFor({ state: 'detached' });
  await until('the end of its effect', over);
};

// undoLatest takes the newest change back on the page of changes.
async function undoLatest(page, told) {
  await go(page, '#/changes');
  const change = page.locator('main ol > li', { hasText: told }).first();
  await change.getByRole('button', { name: /^Undo/ }).click();
  await save(page, 'Undo');
}

const backlog = (page, domain) => page.evaluate(async (d) => {
  const { explanation: x } = await (await fetch('api/v1/destinations/' + d)).json();
  return (x.plan?.items ?? 0) + Math.max(0, x.waiting.count - x.waiting.in_hand);
}, domain);

const { OTHER: other, OWN: ours } = process.env;

// By name: the view to begin in, and the step.
export const steering = {
  'throttling': ['throttling', async (page) => {
    await flows('paced.test');
    await page.getByRole('button', { name: 'Add a throttle' }).click();
    await fillIn(page, 'To the domain', 'paced.test');
    await fillIn(page, 'Name', '<b onclick=alert(1)>crawl</b>');
    const messages = dialog(page).locator('fieldset', { hasText: 'Entire domain' }).locator('.limit', { hasText: 'Messages per minute' });
    await messages.locator('select').selectOption('number');
    await messages.locator('input').fill('6');
    await save(page);
    await until('6 messages a minute', async () => (await arrivals('paced.test', 5)) <= 2);
    await go(page, '#/domains/paced.test');
    const limit = page.locator('section[aria-labelledby=limits] tr', { hasText: /messages per minute/i }).filter({ hasText: /throttle \d+/ });
    check(/\b6\b/.test(await limit.first().innerText()), 'the page of the domain says: ' + (await limit.first().innerText()));
    await limit.filter({ hasText: 'Holds mail up now' }).first().waitFor();
    await undoLatest(page, 'crawl');
    await flows('paced.test');
  }],

  'pause': ['domains/held.test', async (page) => {
    await flows('held.test');
    const usual = await backlog(page, 'held.test');
    await page.getByRole('button', { name: /^Pause / }).click();
    await save(page, 'Pause');
    await until('the end of deliveries', async () => (await arrivals('held.test', 1.2)) === 0);
    const before = await backlog(page, 'held.test');
    await until('the backlog to grow', async () => (await backlog(page, 'held.test')) > before + 2);
    await page.locator('.answer.stuck', { hasText: /pause/i }).waitFor();
    await page.getByRole('button', { name: /^Resume / }).click();
    await save(page, 'Resume');
    await flows('held.test');
    await until('the backlog to go', async () => (await backlog(page, 'held.test')) <= usual + 2);
  }],

  'flood pattern': ['floods', async (page) => {
    await page.getByRole('button', { name: 'Create a flood pattern' }).click();
    await fillIn(page, 'Name', 'slow down <script>alert(1)</script>');
    await fillIn(page, 'Pattern', 'please (slow|calm) down');
    await dialog(page).getByLabel(/Text to test it on/).fill('451 4.7.0 Please SLOW down');
    await dialog(page).getByText('The pattern matches').waitFor();
    await save(page);
    await go(page, '#/domains/flood.test');
    await page.locator('article', { hasText: 'Flood control' }).getByText(/pauses until/).waitFor();
    await go(page, '#/floods');
    await rowWith(page, 'please (slow|calm) down').getByRole('button', { name: /^Remove/ }).click();
    await save(page, 'Remove');
  }],

  'local address': ['locals', async (page) => {
    const before = await submit('info@ours.test');
    check(before.rcpt >= 500, 'a stranger may send on: ' + before.said);
    await own('Add a local address', async () => {
      await choose(page, 'Type of pattern', 'fnmatch');
      await fillIn(page, 'Address or pattern', '*@ours.test');
    }, '*@ours.test', async () => (await submit('info@ours.test')).data === 250, async () => (await submit('info@ours.test')).rcpt >= 500)(page);
  }],

  'EHLO name': ['names', own('Add an EHLO name', async (page) => {
    await choose(page, 'IP address', ours);
    await fillIn(page, 'Name', 'mx7.sender.test');
  }, 'mx7.sender.test', async () => (await seen('renamed.test')).ehlo === 'mx7.sender.test', async () => (await seen('renamed.test')).ehlo !== 'mx7.sender.test')],

  'redirect': ['redirects', own('Redirect deliveries', async (page) => {
    await choose(page, 'From own IP', ours);
    await fillIn(page, 'Domain', 'rerouted.test');
    await choose(page, 'Send from', other);
  }, 'rerouted.test', async () => (await seen('rerouted.test')).source === other, async () => (await seen('rerouted.test')).source === ours)],

  'DNS override': ['dns', own('Add a DNS override', async (page) => {
    await fillIn(page, 'Domain', 'moved.test');
    await fillIn(page, 'IP address', '127.0.0.9');
  }, 'moved.test', async () => (await seen('moved.test')).server === '127.0.0.9', async () => (await seen('moved.test')).server === '127.0.0.1')],

  'DKIM key': ['dkim', async (page) => {
    check(!/^DKIM-Signature:/im.test((await until('mail', async () => (await seen('taken1.test')).count && seen('taken1.test'))).text), 'mail is signed without a key');
    const answers = [];
    page.on('response', (r) => r.url().includes('/api/') && answers.push(r.text().catch(() => '')));
    await page.getByRole('button', { name: 'Generate a key' }).click();
    await fillIn(page, 'Domain', 'signed.test');
    await dialog(page).getByRole('button', { name: 'Generate', exact: true }).click();
    const record = dialog(page).locator('pre');
    await record.filter({ hasText: 'v=DKIM1' }).first().waitFor();
    const line = (await record.allInnerTexts()).find((t) => /\sTXT\s/.test(t));
    await page.keyboard.press('Escape');
    await addName(line);
    const key = page.locator('article', { hasText: 'signed.test' });
    await key.getByRole('button', { name: /^Check DNS/ }).click();
    await key.locator('[role=status]', { hasText: /the DNS has the public half/i }).waitFor();
    await until('a signature', async () => (await publish('u@signature.test'), /^DKIM-Signature:[^]*d=signed\.test/im.test((await seen('signature.test')).text)));
    await key.getByRole('button', { name: /^Edit/ }).first().click();
    await dialog(page).getByLabel(/private/i).waitFor();
    check((await dialog(page).getByLabel(/private/i).inputValue()) === '', 'the private key is shown again');
    await page.keyboard.press('Escape');
    await go(page, '#/changes');
    check(!/PRIVATE KEY|MII[A-Za-z0-9+/]{40}/.test((await Promise.all(answers)).join('\n').replaceAll(/p=MII[\w+/=]+|"MII[\w+/=]+"/g, '')), 'an answer of the API has the private key');
  }],

  'token': ['tokens', async (page) => {
    await page.getByRole('button', { name: 'Create a token' }).click();
    await fillIn(page, 'Name', 'the script');
    await save(page, 'Save', false);
    const token = (await dialog(page).locator('pre').innerText()).trim();
    await page.keyboard.press('Escape');
    const statuses = await withToken(token);
    check(statuses.join() === '200,200', 'with a token the API says ' + statuses);
    check((await withToken(token + 'x')).join() === '401,401', 'with a wrong token the API does not say 401');
    await rowWith(page, 'the script').getByRole('button', { name: /^Remove/ }).click();
    await save(page, 'Remove');
    check((await withToken(token)).join() === '401,401', 'a token that is removed is good for more');
  }],
};
