/** What is hashed, recorded and fetched again as one. The last piece of a file is shorter. */
export const PIECE_BYTES = 16 * 1024 * 1024;
/**
 * Longest range of one request: far above the cost of opening a connection, short enough that the whole hash,
 * which needs the pieces in order, follows closely behind.
 */
const MAX_RUN_PIECES = 16;

/** One piece of one part; its place in the layout is its number. */
export interface Piece {
  /** Which part of the model. */
  part: number;
  /** In its part's file. */
  offset: number;
  length: number;
}

/** Numbers of pieces that follow each other in one file: `first` up to, not including, `end`. */
export interface Run {
  first: number;
  end: number;
}

/** The pieces of all parts, in order. An empty part has none. */
export function layoutOf(partSizes: readonly number[], pieceBytes = PIECE_BYTES): Piece[] {
  return partSizes.flatMap((sizeBytes, part) =>
    Array.from({ length: Math.ceil(sizeBytes / pieceBytes) }, (_, index) => {
      const offset = index * pieceBytes;
      return { part, offset, length: Math.min(pieceBytes, sizeBytes - offset) };
    }),
  );
}

/** Which pieces are here, which are on their way, and what a connection that is free should fetch next. */
export class PiecePlan {
  readonly layout: readonly Piece[];
  readonly #here: boolean[];
  readonly #taken: boolean[];

  /** @param here numbers of the pieces that need not be fetched */
  constructor(layout: readonly Piece[], here: Iterable<number> = []) {
    this.layout = layout;
    this.#here = layout.map(() => false);
    this.#taken = layout.map(() => false);
    for (const number of here) this.#here[number] = true;
  }

  isHere(number: number): boolean {
    return this.#here[number] === true;
  }

  get isComplete(): boolean {
    return this.missing === 0;
  }

  /** How many pieces are not here. */
  get missing(): number {
    return this.#here.reduce((count, isHere) => count + (isHere ? 0 : 1), 0);
  }

  markHere(number: number): void {
    this.#here[number] = true;
    this.#taken[number] = false;
  }

  /** It has to be fetched, again if it was here. */
  markMissing(number: number): void {
    this.#here[number] = false;
  }

  /**
   * Takes the next range to fetch, or null when every missing piece is on its way. Guided self-scheduling:
   * each range is a share of what is left, so that few requests are made and all connections end together.
   */
  take(connections: number): Run | null {
    const isFree = (number: number) => !this.#here[number] && !this.#taken[number];
    const first = this.layout.findIndex((_, number) => isFree(number));
    if (first === -1) return null;
    const left = this.layout.reduce((count, _, number) => count + (isFree(number) ? 1 : 0), 0);
    const longest = Math.min(MAX_RUN_PIECES, Math.ceil(left / (2 * connections)));
    const part = this.layout[first]?.part;
    let end = first;
    while (end < first + longest && isFree(end) && this.layout[end]?.part === part) {
      this.#taken[end] = true;
      end += 1;
    }
    return { first, end };
  }

  /** Takes a whole part, for a server that sends files only from their beginning. */
  takePart(part: number): Run {
    const first = this.layout.findIndex((piece) => piece.part === part);
    const end = this.layout.findLastIndex((piece) => piece.part === part) + 1;
    for (let number = first; number < end; number += 1) this.#taken[number] = true;
    return { first, end };
  }

  /** Gives back what of a range has not arrived. */
  release({ first, end }: Run): void {
    for (let number = first; number < end; number += 1) this.#taken[number] = false;
  }
}
