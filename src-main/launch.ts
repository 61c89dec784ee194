import { spawn } from 'node:child_process';
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chooseHost, needsBuild, nodeProblem } from './launch-plan.ts';

const ROOT = join(import.meta.dirname, '..');
const ELECTRON = join(ROOT, 'node_modules', 'electron');
const SERVE_BUNDLE = join(ROOT, 'out', 'main', 'serve.js');
const DESKTOP_BUNDLE = join(ROOT, 'out', 'main', 'main.js');

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

async function launch(args: string[]): Promise<void> {
  const mode = args[0] === 'serve' ? 'serve' : 'start';
  const rest = mode === 'serve' ? args.slice(1) : args;
  await buildIfNeeded();
  const electronBinary = findElectron();
  const choice = chooseHost({ electronBinary, desktopBundle: existsSync(DESKTOP_BUNDLE), mode });
  tell(choice.why);
  if (choice.host === 'desktop' && electronBinary !== null) {
    process.exitCode = await run(electronBinary, [DESKTOP_BUNDLE, ...rest]);
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
