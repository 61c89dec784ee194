import type { XetBlock } from './xet.ts';

/** To the worker that hashes files: one file at a time, its pieces in the order that they are asked for. */
export type ToHashWorker =
  | { type: 'open'; path: string }
  | { type: 'piece'; piece: PieceToHash }
  /** Asks whether bytes of the open file are the block of this hash. */
  | { type: 'block'; block: XetBlock }
  /** Asks for the hash of all pieces that were added since `open`. */
  | { type: 'end' }
  | { type: 'close' };

export interface PieceToHash {
  offset: number;
  length: number;
  /** Its own hash is wanted too; it is taken as it is then, cut short or not. */
  ofPiece: boolean;
  /** A piece with another hash is not added to the whole: it will come again. */
  expected: string | null;
}

export interface HashedPiece {
  /** Null when it was not wanted. */
  sha256: string | null;
  /** False when it is not the one that was expected, or cut short by the end of the file. */
  isAdded: boolean;
}

/** The answer to each but `close`. */
export type FromHashWorker =
  | { type: 'opened' }
  | ({ type: 'piece' } & HashedPiece)
  | { type: 'block'; isRight: boolean }
  | { type: 'whole'; sha256: string }
  | { type: 'failed'; reason: string };
