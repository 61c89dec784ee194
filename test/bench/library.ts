import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { textOf } from './guards.ts';

export type LibraryCall =
  | { name: 'load'; modelPath: string; contextSize: number; threads: number }
  | { name: 'decode'; tokens: number }
  /** A token against a batch of `size`, each after `depth` tokens. */
  | { name: 'batch'; size: number; depth: number; repeats: number }
  /** The first token after `size` new ones behind `depth` that are there. */
  | { name: 'follow'; size: number; depth: number }
  | { name: 'state'; tokens: number; round: number; stateFile: string };

export type LibraryReply = { result: Record<string, number> } | { error: string };

/** Folder of the installed node-llama-cpp; its entry lies in `dist`. */
export function libraryPackageFolder(): string {
  return dirname(dirname(fileURLToPath(import.meta.resolve('node-llama-cpp'))));
}

/** Version of the installed node-llama-cpp. */
export function libraryVersion(): string {
  const packageJson: unknown = JSON.parse(readFileSync(join(libraryPackageFolder(), 'package.json'), 'utf8'));
  return textOf(packageJson, 'version');
}

/** What the app sets for its engine process, see `src-main/engine/environment.ts`. */
export const AS_THE_APP = { threadPool: 1, hugePages: true } as const;

/** Asks for huge pages where glibc is, as the app's engine does. */
export const HUGE_PAGES = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' } as const;

/** node-llama-cpp in a process of its own; one call at a time. */
export class LibraryProcess {
  readonly #child: ChildProcess;

  /** `threadPool`: libuv threads of the process, which must be set before it starts; left out: Node's 4. */
  constructor({ threadPool, hugePages = false }: { threadPool?: number; hugePages?: boolean } = {}) {
    this.#child = fork(fileURLToPath(new URL('./library-child.ts', import.meta.url)), {
      execArgv: [],
      env: {
        PATH: process.env['PATH'],
        NODE_LLAMA_CPP_SKIP_DOWNLOAD: 'true',
        ...(threadPool === undefined ? {} : { UV_THREADPOOL_SIZE: String(threadPool) }),
        ...(hugePages ? HUGE_PAGES : {}),
      },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
  }

  /** @throws Error with the child's message, or when it ended */
  async call(call: LibraryCall): Promise<Record<string, number>> {
    const ended = new AbortController();
    const reply = new Promise<LibraryReply>((resolve, reject) => {
      this.#child.once('message', (message: LibraryReply) => resolve(message));
      once(this.#child, 'exit', { signal: ended.signal }).then(
        ([code, signal]) => reject(new Error(`the library's process ended (${code ?? signal})`)),
        () => undefined,
      );
    });
    this.#child.send(call);
    try {
      const answer = await reply;
      if ('error' in answer) throw new Error(answer.error);
      return answer.result;
    } finally {
      ended.abort();
    }
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.disconnect();
    await exit;
  }
}
