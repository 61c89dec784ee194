import { spawn } from 'node:child_process';
import { existsSync, globSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fetchElectron, findElectron } from './launch-electron.ts';
import { chooseHost, needsBuild, nodeProblem, wantsElectron, windowProblem } from './launch-plan.ts';

const ROOT = join(import.meta.dirname, '..');
const ELECTRON = join(ROOT, 'node_modules', 'electron');
const SERVE_BUNDLE = join(ROOT, 'out', 'main', 'serve.js');
const DESKTOP_BUNDLE = join(ROOT, 'out', 'main', 'main.js');

/** What a person or the system ends a start with. */
const CANCEL_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Exit code of a program that was cancelled. */
const CANCELLED = 130;

/** Kept from all that runs before the host: builds, and the installer of Electron. */
const givenToken = process.env['LEEWARD_HF_TOKEN'];
delete process.env['LEEWARD_HF_TOKEN'];

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

/**
 * Runs the desktop app to its end, which signals to this process bring about: in order, but on Windows at once, as
 * a kill does, since no signal can be sent there. Resolves with its exit code, 1 after a signal.
 */
function runWindow(binary: string, args: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, args, {
      cwd: ROOT,
      stdio: ['inherit', process.stderr, 'inherit'],
      // Left over from a terminal inside another Electron app, it would make this one a plain Node.
      env: { ...process.env, ELECTRON_RUN_AS_NODE: undefined, LEEWARD_HF_TOKEN: givenToken },
    });
    const forward = (signal: NodeJS.Signals) => void child.kill(signal);
    for (const signal of CANCEL_SIGNALS) process.on(signal, forward);
    child.once('error', reject);
    child.once('exit', (code) => {
      for (const signal of CANCEL_SIGNALS) process.off(signal, forward);
      resolve(code ?? 1);
    });
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

/**
 * Fetches Electron's binary; without one the app runs in the browser.
 * @returns false when the person has cancelled the start
 */
async function tryToFetch(): Promise<boolean> {
  tell('Fetching Electron, once, from its release page …');
  const cancelled = new AbortController();
  const cancel = () => cancelled.abort();
  for (const signal of CANCEL_SIGNALS) process.on(signal, cancel);
  await fetchElectron({ packageDir: ELECTRON, signal: cancelled.signal });
  for (const signal of CANCEL_SIGNALS) process.off(signal, cancel);
  if (!cancelled.signal.aborted && findElectron(ELECTRON) === null)
    tell('Electron could not be fetched. The next start tries again; "npm run serve" does not.');
  return !cancelled.signal.aborted;
}

async function launch(args: string[]): Promise<void> {
  const mode: 'start' | 'serve' = args[0] === 'serve' ? 'serve' : 'start';
  const rest = mode === 'serve' ? args.slice(1) : args;
  await buildIfNeeded();
  const facts = () => ({
    electronBinary: findElectron(ELECTRON),
    desktopBundle: existsSync(DESKTOP_BUNDLE),
    windowProblem: windowProblem(process.platform, process.env, process.getuid?.() ?? null),
    mode,
  });
  const canFetch = wantsElectron(facts()) && existsSync(join(ELECTRON, 'install.js'));
  if (canFetch && !(await tryToFetch())) {
    process.exitCode = CANCELLED;
    return;
  }
  const found = facts();
  const choice = chooseHost(found);
  tell(choice.why);
  if (choice.host === 'desktop' && found.electronBinary !== null) {
    // The folder, not the file: Electron reads the app's name and version from its package.json.
    process.exitCode = await runWindow(found.electronBinary, [ROOT, ...rest]);
    if (process.exitCode !== 0)
      tell('The window ended with an error. "npm run serve" runs Leeward in your browser.');
    return;
  }
  // In this process, so that a signal and the exit code are the host's own.
  process.argv.splice(1, Infinity, SERVE_BUNDLE, ...(mode === 'serve' ? ['--json'] : []), ...rest);
  if (givenToken !== undefined) process.env['LEEWARD_HF_TOKEN'] = givenToken;
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
