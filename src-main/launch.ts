import { spawn } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chooseHost, needsBuild, nodeProblem, wantsElectron, windowProblem } from './launch-plan.ts';

const ROOT = join(import.meta.dirname, '..');
const ELECTRON = join(ROOT, 'node_modules', 'electron');
const SERVE_BUNDLE = join(ROOT, 'out', 'main', 'serve.js');
const DESKTOP_BUNDLE = join(ROOT, 'out', 'main', 'main.js');

/** No byte for this long is no connection; a slow one brings some every second. */
const FETCH_STALL_MS = 20_000;
const FETCH_CHECK_MS = 1_000;

interface Build {
  name: string;
  output: string;
  sources: string[];
  args: string[];
}

const shared = ['package.json', 'package-lock.json', 'src-main/contract/**/*'];
const builds: Build[] = [
  {
    name: 'the interface',
    output: join(ROOT, 'out', 'renderer', 'index.html'),
    sources: [...shared, 'vite.config.ts', 'src-renderer/**/*'],
    args: [],
  },
  {
    name: 'the core',
    output: SERVE_BUNDLE,
    sources: [...shared, 'vite.main.config.ts', 'src-main/**/*', 'resources/**/*'],
    args: ['--config', 'vite.main.config.ts'],
  },
  {
    name: 'the window',
    output: join(ROOT, 'out', 'preload', 'preload.cjs'),
    sources: [...shared, 'vite.preload.config.ts', 'src-main/electron/**/*'],
    args: ['--config', 'vite.preload.config.ts'],
  },
];

/** Progress goes to stderr: stdout is the host's. */
const tell = (line: string) => console.error(line);

const modifiedMs = (path: string) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null;

function newestMs(patterns: string[]): number {
  const paths = globSync(patterns, { cwd: ROOT });
  return Math.max(0, ...paths.map((path) => modifiedMs(join(ROOT, path)) ?? 0));
}

/** Runs a program to its end with all its output on stderr. Resolves with its exit code, 1 after a signal. */
function run(program: string, args: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: ROOT, stdio: ['inherit', process.stderr, 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** Builds what is missing or older than its sources. @throws with a sentence when a build fails */
async function buildIfNeeded(): Promise<void> {
  const stale = builds.filter(({ output, sources }) => needsBuild(modifiedMs(output), newestMs(sources)));
  if (stale.length === 0) return;
  const vite = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js');
  if (!existsSync(vite)) throw new Error('The build tools are not installed. Run "npm install" first.');
  for (const { name, args } of stale) {
    tell(`Building ${name} …`);
    const code = await run(process.execPath, [vite, 'build', '--logLevel', 'warn', ...args]);
    if (code !== 0) throw new Error(`Building ${name} failed; the lines above say why.`);
  }
}

/** Electron's package writes where its binary lies once it has one. */
function findElectron(): string | null {
  const pathFile = join(ELECTRON, 'path.txt');
  if (!existsSync(pathFile)) return null;
  const binary = join(ELECTRON, 'dist', readFileSync(pathFile, 'utf8').trim());
  return existsSync(binary) ? binary : null;
}

/**
 * Fetches Electron's binary with its own installer, which checks its hash. Gives up when nothing arrives for a
 * while, so that a machine without a way out is not kept waiting.
 */
async function fetchElectron(): Promise<void> {
  tell('Fetching Electron, once, from its release page …');
  // The installer's download lands here, so its growth shows that it goes on.
  const scratch = mkdtempSync(join(tmpdir(), 'leeward-electron-'));
  const installer = spawn(process.execPath, [join(ELECTRON, 'install.js')], {
    cwd: ROOT,
    stdio: 'ignore',
    env: { ...process.env, TMPDIR: scratch, TEMP: scratch, TMP: scratch },
  });
  let size = 0;
  let grewAtMs = performance.now();
  const watch = setInterval(() => {
    const now = sizeOf(scratch) + sizeOf(join(ELECTRON, 'dist'));
    if (now !== size) grewAtMs = performance.now();
    size = now;
    if (performance.now() - grewAtMs > FETCH_STALL_MS) installer.kill('SIGKILL');
  }, FETCH_CHECK_MS);
  await new Promise<void>((resolve) => {
    installer.once('exit', () => resolve());
    installer.once('error', () => resolve());
  });
  clearInterval(watch);
  rmSync(scratch, { recursive: true, force: true });
}

function sizeOf(dir: string): number {
  if (!existsSync(dir)) return 0;
  let bytes = 0;
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    const stats = statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false });
    if (stats?.isFile()) bytes += stats.size;
  }
  return bytes;
}

async function launch(args: string[]): Promise<void> {
  const mode: 'start' | 'serve' = args[0] === 'serve' ? 'serve' : 'start';
  const rest = mode === 'serve' ? args.slice(1) : args;
  await buildIfNeeded();
  const facts = () => ({
    electronBinary: findElectron(),
    desktopBundle: existsSync(DESKTOP_BUNDLE),
    windowProblem: windowProblem(process.platform, process.env, process.getuid?.() ?? null),
    mode,
  });
  if (wantsElectron(facts()) && existsSync(join(ELECTRON, 'install.js'))) await fetchElectron();
  const found = facts();
  const choice = chooseHost(found);
  tell(choice.why);
  if (choice.host === 'desktop' && found.electronBinary !== null) {
    // The folder, not the file: Electron reads the app's name and version from its package.json.
    process.exitCode = await run(found.electronBinary, [ROOT, ...rest]);
    if (process.exitCode !== 0)
      tell('The window ended with an error. "npm run serve" runs Leeward in your browser.');
    return;
  }
  // In this process, so that a signal and the exit code are the host's own.
  process.argv.splice(1, Infinity, SERVE_BUNDLE, ...(mode === 'serve' ? ['--json'] : []), ...rest);
  await import(pathToFileURL(SERVE_BUNDLE).href);
}

try {
  const problem = nodeProblem(process.versions.node);
  if (problem !== null) throw new Error(problem);
  await launch(process.argv.slice(2));
} catch (error) {
  tell(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
