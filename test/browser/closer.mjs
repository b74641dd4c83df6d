// Where an operator looks when something went wrong.
import { judge, go } from '../../web/test/browser.mjs';
import { check, compress, pause, publish, restart, submit, until } from './backstage.mjs';

const markup = '<img src=x onerror';
const secret = 'Pa55word-of-ann';

export const closer = {
  'log search': ['logs', async (page) => {
    await publish('needle-1@taken2.test');
    await until('an old and compressed file with the line', () => compress('needle-1@taken2.test'));
    await page.getByLabel('Recipient').fill('needle-1@taken2.test');
    await page.getByRole('button', { name: 'Search', exact: true }).click();
    await page.getByText(/^1 lines? on this page/).waitFor();
    const line = page.locator('.lines details');
    await line.locator('summary').click();
    check((await line.innerText()).includes('accepted'), 'the line says: ' + (await line.innerText()));
    check(!(await line.innerText()).includes('nobody may see'), 'the log shows a body');
    await page.getByRole('link', { name: 'Received over SMTP' }).click();
    await page.getByRole('link', { name: 'No filters' }).click();
    await page.locator('.lines details', { hasText: 'info@ours.test' }).first().waitFor();
  }],

  // What comes in is watched alone first: among all that goes out its lines would soon be gone.
  'monitor': ['monitor', async (page) => {
    const watch = async () => {
      await page.getByRole('button', { name: 'Start', exact: true }).click();
      await page.getByText(/^Watching/).waitFor();
    };
    const said = async () => {
      await page.getByRole('button', { name: 'Stop', exact: true }).click();
      const text = await page.locator('.box').innerText();
      check(!text.includes('nobody may see') && !text.includes('Subject:'), 'the monitor shows a message');
      await page.getByRole('button', { name: 'Clear' }).click();
      return text;
    };
    await page.getByLabel('Direction').selectOption('in');
    await watch();
    await submit('info@ours.test', secret);
    await page.locator('.line', { hasText: 'MAIL FROM:<mallory@sender.test>' }).first().waitFor();
    const login = await said();
    const base64 = Buffer.from('\0ann\0' + secret).toString('base64');
    check(login.includes('AUTH') && !login.includes(secret) && !login.includes(base64), 'the monitor shows a password, or no login at all');
    await page.getByLabel('Direction').selectOption('out');
    await watch();
    await page.locator('.line.us', { hasText: 'MAIL FROM:<news@sender.test>' }).first().waitFor();
    await page.locator('.line.them', { hasText: 'No such user here' }).first().waitFor();
    await said();
    await page.getByLabel('Domain', { exact: true }).fill('paced.test');
    await watch();
    await page.locator('.line', { hasText: '@paced.test' }).first().waitFor();
    await pause(1);
    check(!(await page.locator('.box').innerText()).includes('@held.test'), 'the filter lets others through');
  }],

  'test message': ['test', async (page) => {
    await page.getByLabel('To', { exact: true }).fill('ann@taken3.test');
    await page.getByLabel('Subject').fill(markup + '="window.__xss=3">');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await page.locator('.way li', { hasText: 'Delivered' }).waitFor();
    await page.getByText('This is the end of its way.').waitFor();
    await page.getByLabel('To', { exact: true }).fill('ann@refuse1.test');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await page.locator('.way li', { hasText: 'No such user here' }).waitFor();
  }],

  'changes': ['changes', async (page) => {
    const change = page.locator('main ol > li').first();
    await change.getByText(/^console,/).waitFor();
    await change.locator('dl, table').first().waitFor();
    check((await page.getByText('undone', { exact: true }).count()) > 0, 'what was undone is not marked');
  }],

  'numbers': ['overview', async (page) => {
    const get = (path) => page.evaluate(async (path) => (await fetch('api/v1/' + path)).json(), path);
    const counted = (c) => c.attempts > 100 && c.deliveries > 50 && c.errors > 0;
    await until('counters', async () => counted((await get('overview')).counters));
    await until('history', async () => (await get('history?span=minute')).series.attempts.filter(Boolean).length > 5);
    await until('45 domains', async () => (await get('domains')).total >= 45);
    await until('two tags', async () => (await get('tags')).tags?.length >= 2);
    await until('a source that is used', async () => (await get('sources')).sources.some((s) => s.counters.attempts > 0));
    await until('mail that waits, as receivers put it off', async () => (await get('backlog')).lines?.length > 0);
    await page.locator('main .chart canvas').first().waitFor();
    await go(page, '#/domains');
    await page.locator('main tbody tr').nth(19).waitFor();
    await page.locator('main input[type=search]').first().fill('refuse');
    await until('the search', async () => (await page.locator('main tbody tr').count()) === 5);
  }],

  // The page stays open: it says that its numbers are old, asks for a login, and goes on where it was.
  'a daemon that is started again': ['overview?source=' + process.env.OWN, async (page, o) => {
    const live = page.getByText('Live, every second');
    await live.waitFor();
    const done = restart();
    await page.getByText('Session ended:').waitFor();
    await done;
    await page.fill('input[name=password]', o.password);
    await page.getByRole('button', { name: 'Log in', exact: true }).click();
    await page.locator('.toast', { hasText: 'was started again' }).waitFor();
    await live.waitFor();
    check(page.url().includes('overview?source='), 'after the login it is elsewhere: ' + page.url());
    await until('mail after the start', async () => Number((await page.locator('main .tiles strong').first().innerText()).replaceAll(',', '')) > 0);
    await go(page, '#/pauses');
    await page.getByRole('button', { name: 'Pause deliveries' }).click();
    await page.locator('dialog[open]').getByText('Deliveries to all destinations stop').waitFor(); // the token of the session is the new one
    await page.keyboard.press('Escape');
    page.faults.length = 0; // the browser notes each request that failed
  }],

  // What strangers can write into what the console shows: answers, subjects, tags, names of rows and queues.
  'markup of strangers': ['domains/xss.test', async (page) => {
    await page.locator('section[aria-labelledby=answers]', { hasText: markup }).waitFor();
    const places = {
      'overview': '', 'domains/xss.test': markup, 'tags': markup, 'backlog': '', 'changes': '<b onclick', 'logs?domain=xss.test': markup,
      'logs?kind=received': '', 'monitor?domain=xss.test': '',
    };
    const wrong = [];
    for (const [view, text] of Object.entries(places)) {
      await go(page, '#/' + view);
      if (text) await page.getByText(text).first().waitFor();
      if (view.startsWith('logs')) await page.locator('.lines details summary').first().click().catch(() => wrong.push(view + ': no line'));
      if (view.startsWith('monitor')) {
        await page.getByRole('button', { name: 'Start', exact: true }).click();
        await page.locator('.line.them', { hasText: markup }).first().waitFor();
      }
      wrong.push(...(await judge(page, { accessible: false })).map((w) => `${view}: ${w}`));
    }
    await go(page, '#/tags');
    await page.locator('main tbody a', { hasText: markup }).first().click();
    await page.locator('main h1', { hasText: markup }).waitFor();
    wrong.push(...(await judge(page, { accessible: false })));
    check(wrong.length === 0, wrong.join('; '));
  }],
};
