import type { Turn } from './contract.ts';
import { CHUNK_TARGET_MS } from './prefill.ts';

/** Writing a state to the memory that a disk is cached in, and reading it there, in bytes a ms: both together. */
const COPY_BYTES_PER_MS = 500_000;
/** Opening, writing and removing a file of any size, in ms. */
const COPY_BASE_MS = 10;

/** What keeping a branch is measured against, in tokens that are read in the same time. */
export interface BranchCosts {
  /** A branch that is read again faster than this is not kept. */
  readonly leastTokens: number;
  /** To copy a sequence that holds so many. */
  copyTokens(held: number): number;
}

/**
 * What keeping a branch costs here; null before anything was measured. Pure.
 * @param msPerToken of reading
 * @param bytesPerToken of the cache; null: nothing is copied
 */
export function branchCosts({
  msPerToken,
  bytesPerToken,
}: {
  msPerToken: number | null;
  bytesPerToken: number | null;
}): BranchCosts | null {
  if (msPerToken === null || msPerToken <= 0) return null;
  return {
    // One chunk more is hardly noticed.
    leastTokens: CHUNK_TARGET_MS / msPerToken,
    copyTokens: (held) =>
      bytesPerToken === null
        ? Infinity
        : (COPY_BASE_MS + (held * bytesPerToken) / COPY_BYTES_PER_MS) / msPerToken,
  };
}

/**
 * Whether a prompt belongs to another branch than what a sequence holds. Where it goes on from there, what the template
 * leaves out of it (thoughts, for one) is of no use to anyone. Pure.
 */
export function isOtherBranch(held: readonly Turn[], asked: readonly Turn[]): boolean {
  return held.some((turn, index) => {
    const other = asked[index];
    return other?.role !== turn.role || other.text.trim() !== turn.text.trim();
  });
}

/** The turns of a prompt with what was answered. Pure. */
export function withAnswer(turns: readonly Turn[], text: string): Turn[] {
  const last = turns.at(-1);
  if (last?.role === 'assistant')
    return [...turns.slice(0, -1), { role: 'assistant', text: last.text + text }];
  return text.trim() === '' ? [...turns] : [...turns, { role: 'assistant', text }];
}
