// The console without a mouse.
const focused = (page) => page.evaluate(() => document.activeElement?.textContent?.trim().slice(0, 60) ?? '');

export async function keyboard(page) {
  await page.keyboard.press('Tab');
  if ((await focused(page)) !== 'Skip to the content')
    throw new Error('the first stop is no skip link: ' + (await focused(page)));
  await page.keyboard.press('Enter');
  if ((await page.evaluate(() => document.activeElement?.id)) !== 'main')
    throw new Error('the skip link does not lead to the content');
  await page.keyboard.press('g');
  await page.keyboard.press('d');
  await page.getByRole('heading', { name: 'Domains', level: 1 }).waitFor();
  await page.keyboard.press('/');
  if ((await page.evaluate(() => document.activeElement?.type)) !== 'search') throw new Error('/ does not lead to the search');
  await page.keyboard.press('Escape');
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('?');
  await page.locator('dialog[open]').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('dialog[open]').waitFor({ state: 'detached' });

  const outline = await page
    .locator('nav[aria-label=Views] a')
    .first()
    .evaluate((a) => (a.focus(), getComputedStyle(a).outlineStyle));
  if (outline === 'none') throw new Error('the focus is not seen');
  await page.getByLabel('Colours').selectOption('dark');
  await page.reload();
  await page.locator('nav[aria-label=Views]').waitFor();
  if ((await page.evaluate(() => document.documentElement.dataset.theme)) !== 'dark')
    throw new Error('the colours are forgotten');
}
