import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser } from 'playwright-core';

/** Where the usual installers put Chrome and Chromium. */
const installedBrowsers = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
];

/** Web security stays on: the suggested flags of the bundled browser switch it off and would blind the specs. */
const launchFlags = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-domain-reliability',
];

interface FoundBrowser {
  executablePath: string;
  env: Record<string, string>;
}

/**
 * The browser for end-to-end specs: `CHROME_PATH`, an installed one, else the one inside the npm package
 * `@sparticuz/chromium` (Linux x64), unpacked into the system's temporary folder with the libraries it carries.
 */
export async function findBrowser(): Promise<FoundBrowser> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([, value]) => value !== undefined),
  ) as Record<string, string>;
  const named = process.env['CHROME_PATH'];
  if (named && named !== 'bundled') return { executablePath: named, env };
  const installed = named ? undefined : installedBrowsers.find((path) => existsSync(path));
  if (installed) return { executablePath: installed, env };
  const { default: bundled, inflate } = await import('@sparticuz/chromium');
  const packed = join(dirname(fileURLToPath(import.meta.resolve('@sparticuz/chromium'))), '..', 'bin');
  await inflate(join(packed, 'al2023.tar.br'));
  const executablePath = await bundled.executablePath(packed);
  const libraries = join(tmpdir(), 'al2023', 'lib');
  return {
    executablePath,
    env: {
      ...env,
      LD_LIBRARY_PATH: [libraries, env['LD_LIBRARY_PATH']].filter(Boolean).join(delimiter),
      FONTCONFIG_PATH: env['FONTCONFIG_PATH'] ?? join(tmpdir(), 'fonts'),
    },
  };
}

/** Starts a headless browser with a profile of its own. */
export async function launchBrowser(): Promise<Browser> {
  const { executablePath, env } = await findBrowser();
  // Chromium refuses its own sandbox for root; a container's root has nothing to protect here.
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath, env, args: [...launchFlags, ...asRoot] });
}
