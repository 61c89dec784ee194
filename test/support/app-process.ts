import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface AppProcess {
  url: string;
  pid: number;
  dataDir: string;
  modelsDir: string;
  child: ChildProcess;
  stderr(): string;
  /** SIGTERM and wait; resolves with the exit code. */
  stop(): Promise<number | null>;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Pids of the sidecars whose parent is this app (Linux). Ask before a kill: orphans have another parent. */
  sidecarPids(): number[];
  /** Stops it if it runs and deletes its folders. */
  dispose(): Promise<void>;
}

/** What is started, and by which part of its command line its engine is known. */
export interface AppProgram {
  args(folders: { dataDir: string; modelsDir: string }): string[];
  sidecar: string;
}

const SERVE: AppProgram = {
  args: ({ dataDir, modelsDir }) => {
    const folders = ['--data-dir', dataDir, '--models-dir', modelsDir];
    return ['out/main/serve.js', '--json', '--port', '0', ...folders];
  },
  sidecar: 'sidecar.js',
};

/** From source; every chat is kept on the disk (keeping-app.ts). */
export const KEEPING: AppProgram = {
  args: ({ dataDir, modelsDir }) => ['test/support/keeping-app.ts', dataDir, modelsDir],
  sidecar: 'sidecar/main.ts',
};

/** State of a socket in /proc/net/tcp. */
const LISTENS = '0A';

/** A fresh pair of folders for one app. */
export function appFolders(): { root: string; dataDir: string; modelsDir: string } {
  const root = mkdtempSync(join(tmpdir(), 'leeward-e2e-'));
  const dataDir = join(root, 'data');
  const modelsDir = join(root, 'models');
  mkdirSync(modelsDir);
  return { root, dataDir, modelsDir };
}

/**
 * Starts the built app in serve mode, exactly as it ships, and waits for its JSON line.
 * @param options.onSpawn gets the process before it is ready
 * @param options.program started in its place
 */
export async function startApp(
  folders = appFolders(),
  options: {
    env?: Record<string, string>;
    args?: string[];
    onSpawn?: (child: ChildProcess) => void;
    program?: AppProgram;
  } = {},
): Promise<AppProcess> {
  const { root, dataDir, modelsDir } = folders;
  const program = options.program ?? SERVE;
  const args = program.args({ dataDir, modelsDir });
  const child = spawn(process.execPath, [...args, ...(options.args ?? [])], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  });
  options.onSpawn?.(child);
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const exited = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)));
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([
    new Promise<string>((resolve) => lines.once('line', resolve)),
    exited.then((code) => Promise.reject(new Error(`serve ended with ${code}: ${errors}`))),
  ]);
  const { url, pid } = JSON.parse(first) as { url: string; pid: number };
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  return {
    url,
    pid,
    dataDir,
    modelsDir,
    child,
    stderr: () => errors,
    stop() {
      if (isRunning()) child.kill('SIGTERM');
      return exited;
    },
    async kill(signal) {
      child.kill(signal);
      await exited;
    },
    sidecarPids: () =>
      processesWith(program.sidecar).flatMap((entry) => (entry.parent === pid ? [entry.pid] : [])),
    async dispose() {
      if (isRunning()) child.kill('SIGTERM');
      await exited;
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** Live processes whose command line names `needle`, from /proc; empty where there is none. */
export function processesWith(needle: string): { pid: number; parent: number }[] {
  if (!existsSync('/proc/self/stat')) return [];
  const found = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (!readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(needle)) continue;
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (state === 'Z') continue;
      found.push({ pid: Number(name), parent: Number(parent) });
    } catch {
      // The process ended while it was looked at.
    }
  }
  return found;
}

/** TCP ports that a process listens on (Linux). */
export function listeningPorts(pid: number): number[] {
  const own = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`)));
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === LISTENS && own.has(`socket:[${fields[9]}]`))
      .map((fields) => parseInt(fields[1]?.split(':')[1] ?? '', 16)),
  );
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // It was closed while it was looked at.
    return '';
  }
}

/** Waits until none of the processes lives; resolves with the time it took in ms, or null after `limitMs`. */
export async function waitUntilGone(pids: readonly number[], limitMs: number): Promise<number | null> {
  const startedAt = performance.now();
  const isAlive = (pid: number) => {
    try {
      process.kill(pid, 0);
      return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
    } catch {
      return false;
    }
  };
  while (pids.some(isAlive)) {
    if (performance.now() - startedAt > limitMs) return null;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return performance.now() - startedAt;
}
