// A browser that is logged in to a console, and what every page of it must keep.
//
// CONSOLE_URL      the console to drive; not given: the mock
// CONSOLE_USER     and CONSOLE_PASSWORD to log in with, or CONSOLE_TOKEN
// CHROMIUM         the browser (/usr/bin/chromium)
// SHOTS            directory for screenshots (test/shots)
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { start as startMock } from '../mock/server.mjs';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
// patience is a guard, in milliseconds: a busy machine may be slow.
export const patience = 90_000;
export const shots = process.env.SHOTS || fileURLToPath(new URL('./shots/', import.meta.url));

export async function open() {
  await mkdir(shots, { recursive: true });
  const mock = process.env.CONSOLE_URL ? undefined : await startMock(0);
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox'] });
  const given = { user: process.env.CONSOLE_USER, password: process.env.CONSOLE_PASSWORD, token: process.env.CONSOLE_TOKEN };
  const close = async () => (await browser.close(), mock?.close());
  return {
    browser,
    close,
    mocked: Boolean(mock),
    ...given,
    url: process.env.CONSOLE_URL || mock.url,
    password: given.password ?? mock?.password,
  };
}

// visit opens a page of a browser context of its own, logged in, that notes what must not happen.
export async function visit(o, { width = 1280, height = 900, scheme = 'light' } = {}) {
  const context = await o.browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    ignoreHTTPSErrors: true,
    reducedMotion: 'reduce',
    extraHTTPHeaders: o.token ? { Authorization: `Bearer ${o.token}` } : {},
  });
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  page.faults = [];
  page.on('pageerror', (e) => page.faults.push('error in the page: ' + e.message));
  page.on('dialog', (d) => (page.faults.push('a script opened a dialog: ' + d.message()), d.dismiss()));
  page.on(
    'console',
    (m) => m.type() === 'error' && !/status of (4|5)\d\d/.test(m.text()) && page.faults.push('console: ' + m.text()),
  );
  page.on('request', (r) => !r.url().startsWith(new URL(o.url).origin) && page.faults.push('request to elsewhere: ' + r.url()));
  await page.addInitScript(() =>
    addEventListener('securitypolicyviolation', (e) =>
      console.error(`policy: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`),
    ),
  );
  await page.goto(o.url);
  await login(page, o);
  return page;
}

async function login(page, o) {
  const password = page.locator('input[name=password]');
  await password.or(page.locator('nav[aria-label=Views]')).first().waitFor({ state: 'attached' });
  if (!(await password.count())) return;
  if (await page.locator('input[name=user]').count()) await page.fill('input[name=user]', o.user ?? '');
  await password.fill(o.password ?? '');
  await page.click('button[type=submit]');
  await page.locator('nav[aria-label=Views]').waitFor({ state: 'attached' });
}

export async function go(page, hash) {
  await page.evaluate((h) => (location.hash = h), hash);
  await page.locator('main h1').first().waitFor();
  await page.waitForFunction(() => !document.querySelector('main .loading'));
}

export const shoot = async (page, name) =>
  page.screenshot({ path: join(shots, name + '.png'), fullPage: !(await page.locator('dialog[open]').count()) });

// judge says what is wrong with the page as it stands. within: what accessibility is judged of.
export async function judge(page, { accessible = true, within = 'html' } = {}) {
  const wrong = page.faults.splice(0);
  const width = await page.evaluate(() => [document.scrollingElement.scrollWidth, innerWidth]);
  if (width[0] > width[1]) wrong.push(`the page is ${width[0]} wide in a window of ${width[1]}: ${await widest(page)}`);
  if (await page.evaluate(() => window.__xss !== undefined)) wrong.push('text of a stranger ran as a script');
  if (await page.locator('main img:not([src="./favicon.svg"]), main script, main iframe').count())
    wrong.push('text of a stranger became an element');
  if (accessible) wrong.push(...(await inaccessible(page, within)));
  return wrong;
}

function widest(page) {
  return page.evaluate(() => {
    const out = [...document.querySelectorAll('main *, dialog *')].filter(
      (e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.box'),
    );
    return out
      .slice(0, 3)
      .map((e) => `${e.tagName}.${e.className} ${e.textContent.slice(0, 40)}`)
      .join('; ');
  });
}

async function inaccessible(page, within) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe);
  const found = await page.evaluate((within) => axe.run(within, { resultTypes: ['violations'] }), within);
  return found.violations
    .filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .map(
      (v) =>
        `axe ${v.id}: ${v.help}: ${v.nodes
          .slice(0, 3)
          .map((n) => n.target + ' ' + n.html.slice(0, 120))
          .join(' | ')}`,
    );
}
