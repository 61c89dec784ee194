/** Fewer alike are chance: every other word of a text would begin a guess. */
export const MIN_MATCH_TOKENS = 3;
/** Places with the same last tokens that are compared, newest first. */
const MAX_CANDIDATES = 16;
/** A match of this length is as good as a longer one. */
const MAX_MATCH_TOKENS = 32;

/**
 * Finds what followed the last time when a text ended as it ends now: the guess of prompt lookup. Chats copy from
 * themselves where code is changed, a document quoted, a name repeated.
 */
export class GuessLookup {
  readonly #tokens: number[];
  /** By the hash of three tokens: the index after their last place. */
  readonly #newest = new Map<number, number>();
  /** The index after the place before, by the index after a place. */
  readonly #before = new Map<number, number>();

  constructor(tokens: readonly number[]) {
    this.#tokens = [];
    this.push(tokens);
  }

  get length(): number {
    return this.#tokens.length;
  }

  /** The whole text. */
  get tokens(): readonly number[] {
    return this.#tokens;
  }

  /** More of the text. */
  push(tokens: readonly number[]): void {
    for (const token of tokens) {
      // What ends here is no place yet: nothing follows it.
      this.#addPlace(this.#tokens.length);
      this.#tokens.push(token);
    }
  }

  /** What may come next, at most `count` tokens; empty when the end of the text was not there before. */
  next(count: number): number[] {
    const end = this.#tokens.length;
    const key = this.#keyBefore(end);
    if (key === null || count <= 0) return [];
    let best = 0;
    let from = -1;
    let place = this.#newest.get(key);
    for (let seen = 0; place !== undefined && seen < MAX_CANDIDATES; seen += 1) {
      const same = this.#sameBefore(place, end);
      if (same >= MIN_MATCH_TOKENS && same > best) [best, from] = [same, place];
      if (best >= MAX_MATCH_TOKENS) break;
      place = this.#before.get(place);
    }
    return from < 0 ? [] : this.#tokens.slice(from, Math.min(end, from + count));
  }

  #addPlace(index: number): void {
    const key = this.#keyBefore(index);
    if (key === null) return;
    const previous = this.#newest.get(key);
    if (previous !== undefined) this.#before.set(index, previous);
    this.#newest.set(key, index);
  }

  /** A hash of the three tokens before an index; those that share one by chance are told apart by comparing. */
  #keyBefore(index: number): number | null {
    if (index < MIN_MATCH_TOKENS) return null;
    let hash = 0;
    for (let at = index - MIN_MATCH_TOKENS; at < index; at += 1)
      hash = (Math.imul(hash, 0x01_00_01_93) ^ (this.#tokens[at] ?? 0)) | 0;
    return hash;
  }

  #sameBefore(left: number, right: number): number {
    let same = 0;
    while (
      same < MAX_MATCH_TOKENS &&
      same < left &&
      this.#tokens[left - 1 - same] === this.#tokens[right - 1 - same]
    )
      same += 1;
    return same;
  }
}
