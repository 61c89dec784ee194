import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Behaviour, Cut, FaultList, Flip } from './faults.ts';
import { Limiter } from './limiter.ts';
import type { StoredFile } from './repository.ts';
import type { Traffic } from './hub.ts';

/** Small enough for a limited connection to flow evenly. */
const LIMITED_SLICE_BYTES = 16 * 1024;

interface Span {
  start: number;
  end: number;
}

/** Sends bodies with ranges, limits and the faults that were asked for. */
export class BodySender {
  readonly #cuts: FaultList<Cut>;
  readonly #flips: FaultList<Flip>;
  readonly #perSocket = new WeakMap<Socket, { rate: number; limiter: Limiter }>();
  #total: { rate: number; limiter: Limiter } | undefined;

  constructor(cuts: FaultList<Cut>, flips: FaultList<Flip>) {
    this.#cuts = cuts;
    this.#flips = flips;
  }

  /** Answers 200, 206 or 416; the caller has set the headers that are the file's. */
  async send(
    file: Pick<StoredFile, 'path' | 'sizeBytes' | 'read'>,
    request: IncomingMessage,
    response: ServerResponse,
    behaviour: Behaviour,
    traffic: Traffic,
  ): Promise<void> {
    traffic.requests += 1;
    const asked = behaviour.ranges ? rangeOf(request, response, file.sizeBytes) : 'whole';
    if (asked === 'outside') {
      response.writeHead(416, { 'content-range': `bytes */${file.sizeBytes}`, 'content-length': '0' });
      response.end();
      return;
    }
    const span = asked === 'whole' ? { start: 0, end: file.sizeBytes } : asked;
    if (asked !== 'whole') {
      response.statusCode = 206;
      response.setHeader('content-range', `bytes ${span.start}-${span.end - 1}/${file.sizeBytes}`);
    }
    if (behaviour.ranges) response.setHeader('accept-ranges', 'bytes');
    else response.removeHeader('accept-ranges');
    if (behaviour.contentLength) response.setHeader('content-length', span.end - span.start);
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    const entry = { ...span, sentBytes: 0 };
    traffic.ranges.push(entry);
    const cut = this.#cuts.take(file.path, () => true);
    const limit = cut?.afterBytes ?? Infinity;
    let offset = span.start;
    response.flushHeaders();
    for await (const piece of this.#paced(file.read(span.start, span.end), response, behaviour)) {
      if (response.destroyed) return;
      const honest = piece.subarray(0, Math.min(piece.length, limit - entry.sentBytes));
      const bytes = this.#withFlips(file.path, offset, honest);
      offset += bytes.length;
      entry.sentBytes += bytes.length;
      traffic.bytes += bytes.length;
      if (!response.write(bytes)) await drained(response);
      if (entry.sentBytes >= limit) {
        // What was written arrives; then the connection is gone.
        response.socket?.destroySoon();
        return;
      }
    }
    response.end();
  }

  async *#paced(
    chunks: AsyncIterable<Uint8Array>,
    response: ServerResponse,
    { bytesPerSecond, connectionBytesPerSecond }: Behaviour,
  ): AsyncGenerator<Uint8Array> {
    const limiters: Limiter[] = [];
    if (bytesPerSecond !== null) {
      if (this.#total?.rate !== bytesPerSecond) this.#total = limited(bytesPerSecond);
      limiters.push(this.#total.limiter);
    }
    const { socket } = response;
    if (connectionBytesPerSecond !== null && socket) {
      const known = this.#perSocket.get(socket);
      const own = known?.rate === connectionBytesPerSecond ? known : limited(connectionBytesPerSecond);
      this.#perSocket.set(socket, own);
      limiters.push(own.limiter);
    }
    for await (const chunk of chunks) {
      if (limiters.length === 0) {
        yield chunk;
        continue;
      }
      for (let at = 0; at < chunk.length; at += LIMITED_SLICE_BYTES) {
        const slice = chunk.subarray(at, at + LIMITED_SLICE_BYTES);
        for (const limiter of limiters) await limiter.take(slice.length);
        yield slice;
      }
    }
  }

  #withFlips(path: string, offset: number, bytes: Uint8Array): Uint8Array {
    let result = bytes;
    for (;;) {
      const flip = this.#flips.take(path, (candidate) => {
        const at = candidate.offset - offset;
        // Inverted already in this very piece: a lasting fault strikes a byte once an answer.
        return at >= 0 && at < bytes.length && result[at] === bytes[at];
      });
      if (!flip) return result;
      if (result === bytes) result = Uint8Array.from(bytes);
      const at = flip.offset - offset;
      result[at] = (bytes[at] ?? 0) ^ 0xff;
    }
  }
}

/** Resolves when more can be written, or nothing will be any more. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

const limited = (rate: number) => ({ rate, limiter: new Limiter(rate) });

function rangeOf(
  request: IncomingMessage,
  response: ServerResponse,
  sizeBytes: number,
): Span | 'whole' | 'outside' {
  const { range, 'if-range': ifRange } = request.headers;
  if (range === undefined) return 'whole';
  if (typeof ifRange === 'string' && ifRange !== response.getHeader('etag')) return 'whole';
  const match = /^bytes=(\d*)-(\d*)$/u.exec(range);
  if (!match || (match[1] === '' && match[2] === '')) return 'whole';
  const [, first = '', last = ''] = match;
  if (first === '') return { start: Math.max(0, sizeBytes - Number(last)), end: sizeBytes };
  const start = Number(first);
  const end = last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  return start >= sizeBytes || end <= start ? 'outside' : { start, end };
}
