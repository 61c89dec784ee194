import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** No byte for this long is no connection; a slow one brings some every second. */
const FETCH_STALL_MS = 20_000;
const FETCH_CHECK_MS = 1_000;

/**
 * Path of Electron's binary, null when it was not fetched yet. Electron's package writes where it lies, last of
 * all; `ELECTRON_OVERRIDE_DIST_PATH` names another folder, as for Electron's own command.
 * @param packageDir folder of the npm package
 */
export function findElectron(packageDir: string, env: NodeJS.ProcessEnv = process.env): string | null {
  const pathFile = join(packageDir, 'path.txt');
  const name = existsSync(pathFile) ? readFileSync(pathFile, 'utf8').trim() : null;
  const override = env['ELECTRON_OVERRIDE_DIST_PATH'];
  if (!override && name === null) return null;
  const binary = join(override || join(packageDir, 'dist'), name ?? 'electron');
  return existsSync(binary) ? binary : null;
}

export interface FetchOptions {
  /** Folder of the npm package. */
  readonly packageDir: string;
  readonly signal: AbortSignal;
  readonly env?: NodeJS.ProcessEnv;
  readonly stallMs?: number;
  readonly checkMs?: number;
}

/**
 * Fetches Electron's binary with its package's own installer, which checks it against the hashes of the package.
 * Gives up when nothing arrives for a while, so that a machine without a way out is not kept waiting. Resolves
 * when the installer has ended and its scratch folder is gone; {@link findElectron} tells what came of it.
 */
export async function fetchElectron(options: FetchOptions): Promise<void> {
  const {
    packageDir,
    signal,
    env = process.env,
    stallMs = FETCH_STALL_MS,
    checkMs = FETCH_CHECK_MS,
  } = options;
  // The installer's download lands here, so its growth shows that it goes on.
  const scratch = mkdtempSync(join(tmpdir(), 'leeward-electron-'));
  const installer = spawn(process.execPath, [join(packageDir, 'install.js')], {
    stdio: 'ignore',
    windowsHide: true,
    // Node's fetch passes over HTTPS_PROXY unless it is told.
    env: { NODE_USE_ENV_PROXY: '1', ...env, TMPDIR: scratch, TEMP: scratch, TMP: scratch },
  });
  const stop = () => installer.kill('SIGKILL');
  let size = 0;
  let grewAtMs = performance.now();
  const watch = setInterval(() => {
    const now = sizeOf(scratch) + sizeOf(join(packageDir, 'dist'));
    if (now !== size) grewAtMs = performance.now();
    size = now;
    if (performance.now() - grewAtMs > stallMs) stop();
  }, checkMs);
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  await new Promise<void>((resolve) => {
    installer.once('exit', () => resolve());
    installer.once('error', () => resolve());
  });
  clearInterval(watch);
  signal.removeEventListener('abort', stop);
  rmSync(scratch, { recursive: true, force: true });
}

/** Bytes of all files below a folder; 0 when it is not there. */
function sizeOf(dir: string): number {
  if (!existsSync(dir)) return 0;
  let bytes = 0;
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    const stats = statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false });
    if (stats?.isFile()) bytes += stats.size;
  }
  return bytes;
}
