import { parentPort } from 'node:worker_threads';
import { gguf } from '@huggingface/gguf';
import { appError, isAppError } from '../contract/index.ts';
import { malformed, truncated } from './gguf-errors.ts';
import type { FromWorker, HeaderErrorCode, ToWorker } from './gguf-protocol.ts';
import { summariseHeader, type GgufHeader } from './gguf-summary.ts';

// Entry of the thread that parses GGUF headers. A hostile file can cost this thread its time or memory, never
// the app: gguf-header.ts ends it then.

/**
 * The largest header that is read. The parser's own buffer ends at 50 MB; a vocabulary of 262,144 tokens with
 * its merges takes about 16 MB. A single text above about 2 MB fails in the parser too.
 */
const MAX_HEADER_BYTES = 48_000_000;
const MAGIC = 'GGUF';
/** Magic, version, tensor count, key count. */
const PREAMBLE_BYTES = 24;
const KEY_COUNT_OFFSET = 16;
/** Never resolved: the parser wants a URL and asks only our own reader for it. */
const PLACEHOLDER_URL = 'https://gguf.invalid/';

if (!parentPort) throw new Error('runs as a worker thread only');
const port = parentPort;
let deliver: ((message: ToWorker) => void) | undefined;

port.on('message', (message: ToWorker) => {
  if (message.type === 'parse') void answer(message.sizeBytes);
  else deliver?.(message);
});

function post(message: FromWorker): void {
  port.postMessage(message);
}

async function answer(sizeBytes: number): Promise<void> {
  try {
    post({ type: 'parsed', header: await parse(sizeBytes) });
  } catch (error) {
    const code = headerErrorCode(error);
    const details = isAppError(error) ? (error.data.details ?? {}) : {};
    post({ type: 'refused', code, details });
  }
}

/** What the parser throws itself is a broken header: its first four bytes were right. */
function headerErrorCode(error: unknown): HeaderErrorCode {
  const code = isAppError(error) ? error.code : undefined;
  return code === 'model_not_gguf' || code === 'model_truncated' ? code : 'model_malformed';
}

async function parse(sizeBytes: number): Promise<GgufHeader> {
  const start = Buffer.from(await read(0, Math.min(PREAMBLE_BYTES, sizeBytes)));
  if (start.toString('latin1', 0, MAGIC.length) !== MAGIC) throw appError('model_not_gguf');
  if (sizeBytes < PREAMBLE_BYTES) throw truncated(PREAMBLE_BYTES, sizeBytes);
  // Others are refused by the engine too: version 1, and big-endian files.
  if (![2, 3].includes(start.readUInt32LE(MAGIC.length))) throw malformed('version');
  const keyCount = Number(start.readBigUInt64LE(KEY_COUNT_OFFSET));

  let pastTheEnd = 0;
  const parsed = await gguf(PLACEHOLDER_URL, {
    fetch: async (_url, init) => {
      const range = new Headers(init?.headers).get('range');
      const [first, last] = (range?.match(/\d+/g) ?? []).map(Number);
      if (first === undefined || last === undefined) throw malformed('range');
      if (last >= MAX_HEADER_BYTES) throw malformed('header too long');
      if (first < sizeBytes) return new Response(await read(first, Math.min(last + 1, sizeBytes) - first));
      // The parser asks for one chunk ahead; what it cannot get it takes for zeros, and the summary notices
      // when those were part of the header.
      if (pastTheEnd++ > 0) throw truncated(first, sizeBytes);
      return new Response();
    },
  });
  const headerEndOffset = parsed.tensorInfoByteRange[1];
  return summariseHeader(parsed, { keyCount, headerEndOffset, sizeBytes });
}

function read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  return new Promise((resolve, reject) => {
    deliver = (message) => {
      deliver = undefined;
      if (message.type === 'bytes' && message.bytes.length === length) resolve(message.bytes);
      else reject(malformed('unreadable'));
    };
    post({ type: 'read', offset, length });
  });
}
