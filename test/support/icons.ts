import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { launchBrowser } from './browser.ts';
import { icns, ico } from './icon-files.ts';

// `node test/support/icons.ts`: the icons of the packages, made from the one source of all icons.

const SOURCE = 'src-renderer/public/icon.svg';
const TARGET = 'resources/icons';
/** Sizes of Linux's icon theme. */
const SIZES = [16, 24, 32, 48, 64, 128, 256, 512, 1024];
const WINDOWS_SIZES = [16, 24, 32, 48, 64, 128, 256];
/** macOS puts an icon's square on a grid that leaves a margin: 824 of 1024. */
const MAC_SHARE = 824 / 1024;
const MAC_SIZES = [32, 64, 128, 256, 512, 1024];

const svg = readFileSync(SOURCE, 'utf8');
mkdirSync(TARGET, { recursive: true });
const browser = await launchBrowser();
try {
  const page = await browser.newPage();
  const draw = async (size: number, share = 1): Promise<Buffer> => {
    await page.setViewportSize({ width: size, height: size });
    const source = `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
    const inner = size * share;
    const style = `position:absolute;left:${(size - inner) / 2}px;top:${(size - inner) / 2}px`;
    await page.setContent(`<img src="${source}" width="${inner}" height="${inner}" style="${style}">`);
    await page.locator('img').evaluate((image: HTMLImageElement) => image.decode());
    return page.screenshot({ omitBackground: true });
  };
  const drawAll = async (sizes: readonly number[], share?: number) => {
    const drawn = new Map<number, Buffer>();
    for (const size of sizes) drawn.set(size, await draw(size, share));
    return drawn;
  };
  const plain = await drawAll(SIZES);
  for (const [size, png] of plain) writeFileSync(`${TARGET}/${size}x${size}.png`, png);
  writeFileSync(
    `${TARGET}/icon.ico`,
    ico(new Map([...plain].filter(([size]) => WINDOWS_SIZES.includes(size)))),
  );
  writeFileSync(`${TARGET}/icon.icns`, icns(await drawAll(MAC_SIZES, MAC_SHARE)));
  // A test compares: an icon that changes must be drawn again.
  const sha256 = createHash('sha256').update(svg).digest('hex');
  writeFileSync(`${TARGET}/source.json`, `${JSON.stringify({ source: SOURCE, sha256 }, null, 2)}\n`);
} finally {
  await browser.close();
}
