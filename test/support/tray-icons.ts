import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { launchBrowser } from './browser.ts';

// `node test/support/tray-icons.ts`: the pictures of the tray, made from the one source of all icons.

const SOURCE = 'src-renderer/public/icon.svg';
const TARGET = 'resources/tray';
/** Windows draws at 16 px and up to twice that, Linux desktops at 24 and 48. */
const COLOUR_SIZES = [16, 20, 24, 32, 48];
/** What macOS paints itself, in black with transparency, at both of its scales. */
const TEMPLATE_SIZES = [16, 32];

const colour = readFileSync(SOURCE, 'utf8');
const template = colour
  .replace(/<rect [^>]*\/>/, '')
  .replaceAll('#fff', '#000')
  // Without the square the mark may take the whole place.
  .replace(/transform="[^"]*"/, 'transform="translate(0.6 0.6) scale(0.95)"');

mkdirSync(TARGET, { recursive: true });
const browser = await launchBrowser();
try {
  const page = await browser.newPage();
  const draw = async (svg: string, size: number, name: string) => {
    await page.setViewportSize({ width: size, height: size });
    const source = `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
    await page.setContent(
      `<style>*{margin:0}img{display:block}</style><img src="${source}" width="${size}">`,
    );
    await page.locator('img').evaluate((image: HTMLImageElement) => image.decode());
    writeFileSync(`${TARGET}/${name}-${size}.png`, await page.screenshot({ omitBackground: true }));
  };
  for (const size of COLOUR_SIZES) await draw(colour, size, 'colour');
  for (const size of TEMPLATE_SIZES) await draw(template, size, 'template');
} finally {
  await browser.close();
}
