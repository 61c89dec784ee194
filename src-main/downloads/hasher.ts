import { Worker } from 'node:worker_threads';
import { appError } from '../contract/index.ts';
import type { FromHashWorker, HashedPiece, PieceToHash, ToHashWorker } from './hash-protocol.ts';
import type { XetBlock } from './xet.ts';

/** Hashes one file on the disk, piece after piece, in a thread of its own. */
export interface Hasher {
  open(path: string): Promise<void>;
  /** Adds a piece to the whole unless it is not the one that is expected. */
  piece(piece: PieceToHash): Promise<HashedPiece>;
  /** Whether bytes of the open file are the block of this hash. */
  isBlock(block: XetBlock): Promise<boolean>;
  /** SHA-256 of all pieces that were added since `open`; the file is closed then. */
  end(): Promise<string>;
  /** Ends the thread; a call that waits fails with `aborted`. */
  close(): Promise<void>;
}

/**
 * Starts a hashing thread.
 * @param workerPath `entries.hashWorker`
 */
export function createHasher(workerPath: string): Hasher {
  const worker = new Worker(workerPath, { env: {}, execArgv: [] });
  // Only a call that waits keeps the process alive.
  worker.unref();
  let waiting: { resolve(answer: FromHashWorker): void; reject(error: unknown): void } | null = null;
  let lost = false;

  worker.on('message', (answer: FromHashWorker) => {
    const { resolve } = waiting ?? {};
    waiting = null;
    worker.unref();
    resolve?.(answer);
  });
  const gone = () => {
    lost = true;
    waiting?.reject(appError('aborted'));
    waiting = null;
  };
  worker.on('error', gone);
  worker.on('exit', gone);

  const ask = async <T extends FromHashWorker['type']>(message: ToHashWorker, type: T) => {
    if (lost) throw appError('aborted');
    const answer = await new Promise<FromHashWorker>((resolve, reject) => {
      waiting = { resolve, reject };
      worker.ref();
      worker.postMessage(message);
    });
    if (answer.type === type) return answer as Extract<FromHashWorker, { type: T }>;
    throw appError('model_file_missing', { reason: answer.type === 'failed' ? answer.reason : 'protocol' });
  };

  return {
    async open(path) {
      await ask({ type: 'open', path }, 'opened');
    },
    async piece(piece) {
      const { sha256, isAdded } = await ask({ type: 'piece', piece }, 'piece');
      return { sha256, isAdded };
    },
    isBlock: async (block) => (await ask({ type: 'block', block }, 'block')).isRight,
    end: async () => (await ask({ type: 'end' }, 'whole')).sha256,
    async close() {
      lost = true;
      await worker.terminate();
      gone();
    },
  };
}
