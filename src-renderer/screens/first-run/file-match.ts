import type { ModelFile } from '../../../src-main/contract/index.ts';

/** What a browser tells of a dropped file. */
export interface DroppedFile {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
}

export type FileMatch =
  | { readonly kind: 'found'; readonly file: ModelFile }
  | { readonly kind: 'not_gguf'; readonly name: string }
  | { readonly kind: 'not_found'; readonly name: string };

/** Parts of a split file: any of them stands for the whole, whose size is that of all parts. */
const SPLIT_PART = /^(.*)-\d{5}-of-(\d{5})\.gguf$/i;

function sameFile(candidate: ModelFile, dropped: DroppedFile): boolean {
  const [a, b] = [candidate.fileName.toLowerCase(), dropped.name.toLowerCase()];
  const [partA, partB] = [SPLIT_PART.exec(a), SPLIT_PART.exec(b)];
  if (partA && partB) return partA[1] === partB[1] && partA[2] === partB[2];
  return a === b && candidate.sizeBytes === dropped.size;
}

/**
 * Finds a dropped file among those of the allowed folders. A browser gives no path, so name and size must
 * do; reading the file through the browser would copy gigabytes.
 */
export function matchDroppedFile(files: readonly ModelFile[], dropped: DroppedFile): FileMatch {
  if (!dropped.name.toLowerCase().endsWith('.gguf')) return { kind: 'not_gguf', name: dropped.name };
  const file = files.find((candidate) => sameFile(candidate, dropped));
  return file === undefined ? { kind: 'not_found', name: dropped.name } : { kind: 'found', file };
}
