// Before the password, and the first thing that is seen.
import { patience } from '../../web/test/browser.mjs';

export async function login(o) {
  const wrong = [];
  const context = await o.browser.newContext();
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  page.on('pageerror', (e) => wrong.push(e.message));
  await page.goto(o.url + '/#/domains');
  const status = await page.evaluate(async () => (await fetch('api/v1/overview')).status);
  if (status !== 401) wrong.push('without a login the API says ' + status);
  await page.fill('input[name=password]', 'not-the-password');
  await page.click('button[type=submit]');
  await page.getByText('is not right').waitFor();
  await page.fill('input[name=password]', o.password);
  await page.click('button[type=submit]');
  await page.getByRole('heading', { name: 'Domains', level: 1 }).waitFor();
  for (const c of await context.cookies()) {
    if (!c.httpOnly || c.sameSite !== 'Strict') wrong.push(`the cookie ${c.name} is not HttpOnly and SameSite=Strict`);
  }
  if ((await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]))).includes(o.password)) wrong.push('the page keeps the password');
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.locator('input[name=password]').waitFor();
  if ((await page.evaluate(async () => (await fetch('api/v1/overview')).status)) !== 401) wrong.push('after the end of the session the API still answers');
  await context.close();
  return wrong;
}

// paint prints how long the first sight of the page takes, and how much is loaded for it.
export async function paint(page) {
  await page.reload();
  await page.locator('nav[aria-label=Views]').waitFor();
  const [ms, bytes] = await page.evaluate(async () => {
    while (!performance.getEntriesByName('first-contentful-paint').length) await new Promise(requestAnimationFrame);
    const loaded = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    return [performance.getEntriesByName('first-contentful-paint')[0].startTime, loaded.reduce((n, e) => n + e.encodedBodySize, 0)];
  });
  console.log(`first paint: ${ms.toFixed(0)} ms after the start of loading; ${bytes} bytes loaded, the API's answers included`);
}
