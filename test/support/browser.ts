import { existsSync, readFileSync } from 'node:fs';
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

/** What keeps a program that no package installed from the namespaces that Chromium's sandbox is made of. */
const NAMESPACE_RULES: readonly [path: string, forbidding: string][] = [
  ['/proc/sys/kernel/apparmor_restrict_unprivileged_userns', '1'],
  ['/proc/sys/kernel/unprivileged_userns_clone', '0'],
  ['/proc/sys/user/max_user_namespaces', '0'],
];
const isRoot = () => process.getuid?.() === 0;
const mayMakeSandbox = () =>
  isRoot() ||
  !NAMESPACE_RULES.some(([path, value]) => existsSync(path) && readFileSync(path, 'utf8').trim() === value);

/**
 * The browser for end-to-end specs: `CHROME_PATH`, else the one inside the npm package `@sparticuz/chromium` (Linux
 * x64) where it can make its sandbox, else an installed one. The package's is a headless shell, which does the same
 * work in a third of the time, and the same version everywhere.
 */
export async function findBrowser(): Promise<FoundBrowser> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([, value]) => value !== undefined),
  ) as Record<string, string>;
  const named = process.env['CHROME_PATH'];
  if (named && named !== 'bundled') return { executablePath: named, env };
  const isBundled = process.platform === 'linux' && process.arch === 'x64';
  if (isBundled && (named === 'bundled' || mayMakeSandbox())) return bundledBrowser(env);
  const executablePath = installedBrowsers.find((path) => existsSync(path));
  if (executablePath !== undefined) return { executablePath, env };
  if (isBundled) return bundledBrowser(env);
  throw new Error('no Chrome or Chromium was found: name one in CHROME_PATH');
}

/** Unpacked into the system's temporary folder with the libraries it carries, once. */
async function bundledBrowser(env: Record<string, string>): Promise<FoundBrowser> {
  const { default: bundled, inflate } = await import('@sparticuz/chromium');
  const packed = join(dirname(fileURLToPath(import.meta.resolve('@sparticuz/chromium'))), '..', 'bin');
  await inflate(join(packed, 'al2023.tar.br'));
  const executablePath = await bundled.executablePath(packed);
  const libraries = join(tmpdir(), 'al2023', 'lib');
  // Fonts of the system where it has any.
  const fonts = existsSync('/etc/fonts/fonts.conf') ? {} : { FONTCONFIG_PATH: join(tmpdir(), 'fonts') };
  return {
    executablePath,
    env: {
      ...fonts,
      ...env,
      LD_LIBRARY_PATH: [libraries, env['LD_LIBRARY_PATH']].filter(Boolean).join(delimiter),
    },
  };
}

/** Starts a headless browser with a profile of its own. */
export async function launchBrowser(): Promise<Browser> {
  const { executablePath, env } = await findBrowser();
  // Chromium refuses its own sandbox for root; a container's root has nothing to protect here.
  const asRoot = isRoot() ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath, env, args: [...launchFlags, ...asRoot] });
}
