import { createORPCClient } from '@orpc/client';
import { RPCLink } from '@orpc/client/message-port';
import { fork, type ChildProcess } from 'node:child_process';
import { dirname } from 'node:path';
import { appError, isAppError, type AppError } from '../contract/index.ts';
import { guardChannel } from '../contract/transport.ts';
import { channelOfFork } from './channel.ts';
import { sidecarEnvironment } from './environment.ts';
import type { SidecarClient } from './sidecar/contract.ts';

/** A busy sidecar is asked for a sign of life this often, in ms. An idle one is left alone. */
const HEARTBEAT_INTERVAL_MS = 2_000;
/**
 * Native work runs beside JavaScript, so a ping is answered in milliseconds even while a batch is computed;
 * only a hang, a broken driver or a template that never ends is silent for this long, in ms.
 */
const HEARTBEAT_TIMEOUT_MS = 15_000;
/**
 * The part of V8's heap where new objects begin, each half of it. By itself it doubles while there is work, to 128 MB
 * after 5,000 answers, and is not given back; of so few MB no more time goes into collecting it.
 */
const YOUNG_HEAP_MB = 4;
/** What `dispose` may take, in ms; main promises 2 s and needs some for itself. */
const SHUTDOWN_MS = 1_500;

export interface SidecarOptions {
  sidecarPath: string;
  nodeBinary: string;
  tempDir?: string | undefined;
  heartbeat?: { intervalMs: number; timeoutMs: number } | undefined;
}

export interface SidecarExit {
  code: number | null;
  signal: string | null;
}

/** One run of the sidecar: the child process, the typed client to it, and its end. */
export class SidecarProcess {
  readonly client: SidecarClient;
  /** Resolves when the process has ended, however that came. Never rejects. */
  readonly exited: Promise<SidecarExit>;
  readonly #child: ChildProcess;
  readonly #heartbeat: { intervalMs: number; timeoutMs: number };
  /** Tells the running calls that the process has ended. */
  readonly #ends = new Set<(reason: AppError) => void>();
  #busyCount = 0;
  #pinging: NodeJS.Timeout | null = null;
  #isEnding = false;
  #hasExited = false;
  #isChannelClosed = false;

  constructor(options: SidecarOptions) {
    this.#heartbeat = options.heartbeat ?? {
      intervalMs: HEARTBEAT_INTERVAL_MS,
      timeoutMs: HEARTBEAT_TIMEOUT_MS,
    };
    this.#child = fork(options.sidecarPath, [], {
      execPath: options.nodeBinary,
      execArgv: [`--max-semi-space-size=${YOUNG_HEAP_MB}`],
      env: sidecarEnvironment(process.env, options.tempDir),
      cwd: dirname(options.sidecarPath),
      serialization: 'json',
      windowsHide: true,
      // What the library prints may hold paths; the reasons that matter come as typed errors.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.exited = new Promise((resolve) => {
      const done = (exit: SidecarExit) => {
        this.#hasExited = true;
        this.#stopPinging();
        resolve(exit);
        for (const reject of this.#ends) reject(appError('engine_crashed'));
      };
      this.#child.once('exit', (code, signal) => done({ code, signal }));
      // The binary could not be started, and no exit follows; later errors are of kill and send, after the end.
      this.#child.on('error', () => {
        if (this.#child.pid === undefined) done({ code: null, signal: null });
      });
    });
    const channel = channelOfFork(this.#child);
    channel.onClose(() => (this.#isChannelClosed = true));
    const port = guardChannel(channel, { side: 'client' });
    this.client = createORPCClient(new RPCLink({ port }));
  }

  /** Null when the process could not be started. */
  get pid(): number | null {
    return this.#child.pid ?? null;
  }

  /** True once we have asked for the end, so that it is no crash. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /**
   * Runs a call with the heartbeat on. When the process ends first, or its channel closes, the call fails.
   * @param heartbeat off for a start, which blocks JavaScript while the system loads a GPU's libraries
   * @throws engine_crashed when the process ended
   */
  async whileAlive<T>(call: () => Promise<T>, heartbeat: 'on' | 'off' = 'on'): Promise<T> {
    if (heartbeat === 'on') this.#busyCount += 1;
    if (this.#busyCount > 0) this.#startPinging();
    // Not a race with `exited`: each would leave its reaction there for as long as the process lives.
    const ended = Promise.withResolvers<never>();
    this.#ends.add(ended.reject);
    if (this.#hasExited) ended.reject(appError('engine_crashed'));
    try {
      return await Promise.race([call(), ended.promise]);
    } catch (error) {
      if (isAppError(error) || !(await this.#endsSoon())) throw error;
      throw appError('engine_crashed', undefined, { cause: error });
    } finally {
      this.#ends.delete(ended.reject);
      if (heartbeat === 'on') this.#busyCount -= 1;
      if (this.#busyCount === 0) this.#stopPinging();
    }
  }

  /** The channel of a dying process closes a moment before its exit is known; without one it is of no use. */
  async #endsSoon(): Promise<boolean> {
    if (this.#hasExited) return true;
    if (!this.#isChannelClosed) return false;
    this.kill();
    await this.exited;
    return true;
  }

  #startPinging(): void {
    this.#pinging ??= setInterval(() => void this.#ping(), this.#heartbeat.intervalMs);
  }

  #stopPinging(): void {
    if (this.#pinging) clearInterval(this.#pinging);
    this.#pinging = null;
  }

  async #ping(): Promise<void> {
    const signal = AbortSignal.timeout(this.#heartbeat.timeoutMs);
    try {
      await this.client.ping(undefined, { signal });
    } catch {
      if (signal.aborted && this.#busyCount > 0) this.kill();
    }
  }

  /** Ends the process at once. Counts as a crash unless `end` was called before. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Frees the model and ends the process; after {@link SHUTDOWN_MS} it is killed. */
  async end(): Promise<void> {
    this.#isEnding = true;
    const timer = setTimeout(() => this.kill(), SHUTDOWN_MS);
    try {
      await Promise.race([this.client.shutdown(), this.exited]);
    } catch {
      this.kill();
    }
    await this.exited;
    clearTimeout(timer);
  }
}
