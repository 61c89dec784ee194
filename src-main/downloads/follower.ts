import { appError } from '../contract/index.ts';
import type { Hasher } from './hasher.ts';
import type { PiecePlan } from './pieces.ts';

/** What the whole hash needs while the pieces still come. */
export interface FollowerHost {
  readonly plan: PiecePlan;
  /** By part: where the bytes lie now; null for a part that needs no hash. */
  readonly paths: readonly (string | null)[];
  readonly hasher: Hasher;
  /** The hash that a piece must have on the disk; null: it is taken as it is. */
  expected(number: number): string | null;
  /** Looks at what is there as it is, and wants every piece's own hash. */
  readonly ofPieces: boolean;
  onPiece(number: number, sha256: string | null): void;
  /** A piece is not what was received, or not all there. `wait`: it will come again; `skip`: it stays so. */
  onDamaged(number: number): 'wait' | 'skip';
}

/** Follows the pieces of a model in their order and hashes them; behind the last byte little is left to do. */
export class Follower {
  readonly #host: FollowerHost;
  #wake: () => void = () => {};

  constructor(host: FollowerHost) {
    this.#host = host;
  }

  /** A piece is there. */
  wake(): void {
    this.#wake();
  }

  /**
   * Runs until every piece was hashed.
   * @returns SHA-256 by part, null for those without a path
   * @throws aborted; model_file_missing when a file cannot be read
   */
  async run(signal: AbortSignal): Promise<(string | null)[]> {
    const onAbort = () => this.#wake();
    signal.addEventListener('abort', onAbort);
    try {
      const hashes: (string | null)[] = [];
      for (const [part, path] of this.#host.paths.entries()) {
        hashes.push(path === null ? null : await this.#hashPart(part, path, signal));
      }
      return hashes;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #hashPart(part: number, path: string, signal: AbortSignal): Promise<string> {
    const { plan, hasher, ofPieces } = this.#host;
    await hasher.open(path);
    for (const [number, piece] of plan.layout.entries()) {
      if (piece.part !== part) continue;
      for (let isDone = false; !isDone;) {
        await this.#untilHere(number, signal);
        const expected = this.#host.expected(number);
        const { offset, length } = piece;
        const { sha256, isAdded } = await hasher.piece({ offset, length, ofPiece: ofPieces, expected });
        if (isAdded) this.#host.onPiece(number, sha256);
        isDone = isAdded || this.#host.onDamaged(number) === 'skip';
      }
    }
    return hasher.end();
  }

  async #untilHere(number: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      if (signal.aborted) throw appError('aborted');
      if (this.#host.plan.isHere(number)) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
