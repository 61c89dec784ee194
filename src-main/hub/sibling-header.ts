import type { ByteSource } from '../models/byte-source.ts';
import type { GgufHeader } from '../models/gguf-summary.ts';

/** From the file's start: the keys of shape and the beginning of the vocabulary. */
const HEAD_BYTES = 64 * 1024;
/** Before the tensors' descriptions: template, file type and other keys behind the vocabulary. */
const KEYS_BYTES = 64 * 1024;
/** More than any description of a tensor takes: a name of 64, four dimensions, type, offset. */
const TENSOR_BYTES = 128;
/** Of the head. Two quants of one model differ in a few numbers and a name; a shift of one byte changes nearly all. */
const MAX_DIFFERENT_SHARE = 0.2;

/** A header that was read whole, from which those of its siblings follow with little reading. */
export interface WholeHeader {
  bytes: Uint8Array;
  header: GgufHeader;
  sizeBytes: number;
}

/** Reads through, and keeps what was read from the start of the file. */
export function recording(source: ByteSource): { source: ByteSource; prefix(length: number): Uint8Array } {
  const pieces = new Map<number, Uint8Array>();
  return {
    source: {
      sizeBytes: source.sizeBytes,
      async read(offset, length) {
        const bytes = await source.read(offset, length);
        // A copy: the bytes are handed over to the parser's thread.
        pieces.set(offset, bytes.slice());
        return bytes;
      },
    },
    prefix(length) {
      const result = new Uint8Array(length);
      for (const [offset, bytes] of pieces) {
        if (offset < length) result.set(bytes.subarray(0, length - offset), offset);
      }
      return result;
    },
  };
}

/**
 * The header of another quant of the same model: its own start and end, and between them the vocabulary of the
 * header that is known, which makes most of it. What is made so must be checked with {@link isPlausible}.
 * @returns null when the two do not lie alike
 */
export async function siblingSource(remote: ByteSource, known: WholeHeader): Promise<ByteSource | null> {
  const { headerEndOffset, tensorCount } = known.header;
  if (remote.sizeBytes < headerEndOffset) return null;
  const composed = known.bytes.slice(0, headerEndOffset);
  const tailOffset = headerEndOffset - KEYS_BYTES - tensorCount * TENSOR_BYTES;
  if (tailOffset <= HEAD_BYTES) {
    composed.set(await remote.read(0, headerEndOffset));
  } else {
    const head = await remote.read(0, HEAD_BYTES);
    if (differentShare(head, composed) > MAX_DIFFERENT_SHARE) return null;
    composed.set(head);
    composed.set(await remote.read(tailOffset, headerEndOffset - tailOffset), tailOffset);
  }
  return {
    sizeBytes: remote.sizeBytes,
    // The parser reads in large steps; behind the header it looks at nothing.
    read(offset, length) {
      const bytes = new Uint8Array(length);
      bytes.set(composed.subarray(Math.min(offset, composed.length), offset + length));
      return Promise.resolve(bytes);
    },
  };
}

/**
 * True when a header made by {@link siblingSource} is the file's: it ends where the known one does, and its
 * tensors, whose types are the file's own, fill the file as exactly as those of the known one do.
 */
export function isPlausible(header: GgufHeader, sizeBytes: number, known: WholeHeader): boolean {
  return (
    header.headerEndOffset === known.header.headerEndOffset &&
    header.tensorCount === known.header.tensorCount &&
    header.architecture === known.header.architecture &&
    sizeBytes - header.dataEndOffset === known.sizeBytes - known.header.dataEndOffset
  );
}

function differentShare(bytes: Uint8Array, others: Uint8Array): number {
  let different = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    if (bytes[index] !== others[index]) different += 1;
  }
  return different / bytes.length;
}
