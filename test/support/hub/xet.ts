import {
  createChunker,
  fileHash,
  finalize,
  hashToHex,
  nextBlock,
  xorbHash,
  type Chunk,
} from '@huggingface/xetchunk-wasm';
import type { StoredFile } from './repository.ts';

/** How a file lies in Xet storage: the answer of `/v2/reconstructions`, without addresses of the blocks. */
export interface Reconstruction {
  hash: string;
  offset_into_first_range: number;
  terms: { hash: string; unpacked_length: number; range: { start: number; end: number } }[];
  xorbs: Record<string, never>;
}

/** Chunks and hashes by the Hub's own library; every block is of this file alone. */
export async function reconstructionOf(file: StoredFile, blockBytes: number): Promise<Reconstruction> {
  const chunker = createChunker();
  const chunks: Chunk[] = [];
  for await (const bytes of file.read(0, file.sizeBytes)) chunks.push(...nextBlock(chunker, bytes));
  const last = finalize(chunker);
  if (last) chunks.push(last);
  const terms: Reconstruction['terms'] = [];
  for (let first = 0; first < chunks.length;) {
    let next = first;
    let length = 0;
    for (; next < chunks.length && length < blockBytes; next += 1) length += chunks[next]?.length ?? 0;
    const hash = hashToHex(xorbHash(chunks.slice(first, next)));
    terms.push({ hash, unpacked_length: length, range: { start: 0, end: next - first } });
    first = next;
  }
  return { hash: hashToHex(fileHash(chunks)), offset_into_first_range: 0, terms, xorbs: {} };
}
