import { Worker } from 'node:worker_threads';
import { appError, type AppError } from '../contract/index.ts';
import type { ByteSource } from './byte-source.ts';
import { malformed } from './gguf-errors.ts';
import type { FromWorker, ToWorker } from './gguf-protocol.ts';
import type { GgufHeader } from './gguf-summary.ts';

/**
 * Time the worker may think about one file, reads not counted. The largest real header (16 MB, 262,144 tokens)
 * takes about two seconds on two busy cores.
 */
const MAX_PARSE_MS = 20_000;
/** Until a new worker asks for the first bytes: it has to load its code, from a cold disk at the worst. */
const MAX_START_MS = 30_000;
/** Ten times what that header needs: a hostile file must not take the app's memory. */
const MAX_HEAP_MB = 512;
/** A folder of files is read with one worker; afterwards its memory goes back. */
const IDLE_MS = 10_000;

/** Reads headers one after the other in a worker thread. */
export interface HeaderReader {
  /**
   * Parses the header of one file.
   * @throws model_not_gguf, model_truncated, model_malformed; and what `source.read` throws
   */
  read(source: ByteSource): Promise<GgufHeader>;
  /** A read comes soon: starts the thread for it, which loads its code meanwhile. */
  getReady(): void;
  close(): Promise<void>;
}

/**
 * @param workerPath entry of the worker, `entries.ggufWorker`
 * @param maxParseMs shorter in tests
 */
export function createHeaderReader(workerPath: string, { maxParseMs = MAX_PARSE_MS } = {}): HeaderReader {
  let worker: Worker | undefined;
  let idleTimer: NodeJS.Timeout | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  let closed = false;

  const stop = async () => {
    clearTimeout(idleTimer);
    const stopping = worker;
    worker = undefined;
    await stopping?.terminate();
  };

  const start = (): Worker => {
    const started = new Worker(workerPath, {
      // Nothing of the app's environment or flags is needed to parse bytes.
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB, maxYoungGenerationSizeMb: 64 },
    });
    started.unref();
    started.on('exit', () => {
      if (worker === started) worker = undefined;
    });
    // Handled by the read in progress; without a listener it would end the app.
    started.on('error', () => {});
    return started;
  };

  const readNow = async (source: ByteSource): Promise<GgufHeader> => {
    if (closed) throw appError('aborted');
    clearTimeout(idleTimer);
    worker ??= start();
    try {
      return await converse(worker, source, maxParseMs);
    } catch (error) {
      if (error instanceof WorkerLost) await stop();
      throw error instanceof WorkerLost ? error.asAppError() : error;
    } finally {
      idleTimer = setTimeout(() => void stop(), IDLE_MS).unref();
    }
  };

  return {
    read(source) {
      const result = queue.then(() => readNow(source));
      queue = result.catch(() => {});
      return result;
    },
    getReady() {
      if (closed || worker) return;
      worker = start();
      idleTimer = setTimeout(() => void stop(), IDLE_MS).unref();
    },
    async close() {
      closed = true;
      await stop();
    },
  };
}

/** The worker ended, ran out of memory or of time: it cannot be used again. */
class WorkerLost extends Error {
  readonly reason: string;
  constructor(reason: string) {
    super(reason);
    this.reason = reason;
  }
  asAppError(): AppError {
    return malformed(this.reason);
  }
}

function converse(worker: Worker, source: ByteSource, maxParseMs: number): Promise<GgufHeader> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    let leftMs = maxParseMs;
    let hasBegun = false;
    let waitingSince = 0;
    let readError: unknown;

    const settle = (act: () => void) => {
      clearTimeout(timer);
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      worker.unref();
      act();
    };
    const send = (message: ToWorker, transfer: ArrayBuffer[] = []) => {
      waitingSince = performance.now();
      timer = setTimeout(
        () => settle(() => reject(new WorkerLost('time'))),
        hasBegun ? leftMs : MAX_START_MS,
      );
      worker.postMessage(message, transfer);
    };
    const serve = async (offset: number, length: number) => {
      try {
        const bytes = await source.read(offset, length);
        send({ type: 'bytes', bytes }, [bytes.buffer]);
      } catch (error) {
        readError = error;
        send({ type: 'unreadable' });
      }
    };
    const onMessage = (message: FromWorker) => {
      clearTimeout(timer);
      if (hasBegun) leftMs = Math.max(1, leftMs - (performance.now() - waitingSince));
      hasBegun = true;
      if (message.type === 'read') return void serve(message.offset, message.length);
      settle(() => {
        if (message.type === 'parsed') resolve(message.header);
        else reject(readError ?? appError(message.code, message.details));
      });
    };
    const onError = () => settle(() => reject(new WorkerLost('memory')));
    const onExit = () => settle(() => reject(new WorkerLost('worker')));

    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
    // The process may not end while a caller waits.
    worker.ref();
    send({ type: 'parse', sizeBytes: source.sizeBytes });
  });
}
