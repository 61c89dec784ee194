import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import {
  createChunker,
  finalize,
  hashToHex,
  nextBlock,
  xorbHash,
  type Chunk,
} from '@huggingface/xetchunk-wasm';
import type { FromHashWorker, PieceToHash, ToHashWorker } from './hash-protocol.ts';
import type { XetBlock } from './xet.ts';

// Entry of the thread that hashes what lies on the disk, so that the core stays responsive.

const BUFFER_BYTES = 1024 * 1024;

if (!parentPort) throw new Error('runs as a worker thread only');
const port = parentPort;
const buffer = Buffer.allocUnsafe(BUFFER_BYTES);
let open: { descriptor: number; whole: Hash } | null = null;

port.on('message', (message: ToHashWorker) => {
  try {
    const answer = answerTo(message);
    if (answer) port.postMessage(answer);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    post({ type: 'failed', reason: code });
  }
});

function post(message: FromHashWorker): void {
  port.postMessage(message);
}

function answerTo(message: ToHashWorker): FromHashWorker | null {
  if (message.type === 'open') {
    close();
    open = { descriptor: openSync(message.path, 'r'), whole: createHash('sha256') };
    return { type: 'opened' };
  }
  if (message.type === 'piece') return hashPiece(message.piece);
  if (message.type === 'block') return { type: 'block', isRight: isBlock(message.block) };
  if (message.type === 'end') {
    const sha256 = open?.whole.digest('hex') ?? '';
    close();
    return { type: 'whole', sha256 };
  }
  close();
  return null;
}

function close(): void {
  if (open) closeSync(open.descriptor);
  open = null;
}

function hashPiece({ offset, length, ofPiece, expected }: PieceToHash): FromHashWorker {
  if (!open) throw new Error('no file is open');
  const before = open.whole.copy();
  const own = ofPiece || expected !== null ? createHash('sha256') : null;
  let done = 0;
  while (done < length) {
    const wanted = Math.min(BUFFER_BYTES, length - done);
    const read = readSync(open.descriptor, buffer, 0, wanted, offset + done);
    if (read === 0) break;
    const bytes = buffer.subarray(0, read);
    open.whole.update(bytes);
    own?.update(bytes);
    done += read;
  }
  const sha256 = own?.digest('hex') ?? null;
  const isAdded = done === length && (expected === null || sha256 === expected);
  if (!isAdded && !ofPiece) open.whole = before;
  return { type: 'piece', sha256, isAdded };
}

/** Cut into chunks by its content, as the storage does it, so that a wrong byte changes the hash of the whole. */
function isBlock({ hash, offset, length }: XetBlock): boolean {
  if (!open) throw new Error('no file is open');
  const chunker = createChunker();
  const chunks: Chunk[] = [];
  for (let done = 0; done < length;) {
    const read = readSync(open.descriptor, buffer, 0, Math.min(BUFFER_BYTES, length - done), offset + done);
    if (read === 0) return false;
    for (const chunk of nextBlock(chunker, buffer.subarray(0, read))) chunks.push(chunk);
    done += read;
  }
  const last = finalize(chunker);
  if (last) chunks.push(last);
  return hashToHex(xorbHash(chunks)) === hash;
}
