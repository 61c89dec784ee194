import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const SOURCES = join(import.meta.dirname, '..', '..', 'src-main');

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface ServeProcess {
  readonly child: ChildProcess;
  readonly exit: Promise<Exit>;
  /** The ready line; rejects with stderr when the process ends before it. */
  readonly ready: Promise<{ url: string; port: number; pid: number }>;
  stdout(): string;
  stderr(): string;
}

/** `npm run serve -- …` without npm: builds what is stale, then serves from the build. */
export const startLaunched = (args: readonly string[]) =>
  start([join(SOURCES, 'launch.ts'), 'serve', ...args], {});

/** The same host from the sources; only the renderer must have been built. */
export const startServe = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  start([join(SOURCES, 'serve.ts'), '--json', ...args], env);

function start(args: readonly string[], env: NodeJS.ProcessEnv): ServeProcess {
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env } });
  let [stdout, stderr] = ['', ''];
  child.stderr.setEncoding('utf8').on('data', (part: string) => (stderr += part));
  const exit = new Promise<Exit>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal })),
  );
  const ready = new Promise<{ url: string; port: number; pid: number }>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      stdout += part;
      if (stdout.includes('\n')) resolve(JSON.parse(stdout) as { url: string; port: number; pid: number });
    });
    void exit.then(({ code }) => reject(new Error(`serve ended with code ${code}: ${stderr}`)));
  });
  // A test that expects a failure looks at `exit` alone.
  ready.catch(() => {});
  return { child, exit, ready, stdout: () => stdout, stderr: () => stderr };
}

/** Processes whose parent is `pid`. Linux only: reads /proc. */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => parentOf(candidate) === pid);
}

function parentOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return null;
  }
}

/** False once a process is gone. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
