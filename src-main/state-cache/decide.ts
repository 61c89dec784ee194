import { LOW_SPACE_BYTES } from '../contract/index.ts';

/** Below this, reading a chat again is hardly a wait, and the disk is spared. In ms. */
export const WORTH_MS = 2_000;
/** More is not kept by itself: with the larger models that is a few dozen long chats. */
const AUTOMATIC_CAP_BYTES = 8 * 1024 ** 3;
/** Nor more than this part of what the disk could hold. */
const AUTOMATIC_CAP_SHARE = 0.1;
/** Branches of one chat that are kept apart. */
export const STATES_PER_CHAT = 4;
/** States of one model save about as much a byte: which of two goes is decided by when they were used. */
const WORTH_HALVES_MS = 7 * 24 * 3_600_000;

/** What the order of eviction rests on. */
export interface Kept {
  readonly bytes: number;
  /** What reading its tokens again would take. */
  readonly readingMs: number;
  /** In ms since 1970. */
  readonly usedAt: number;
}

/**
 * How many bytes all states together may have. Pure.
 * @param space.chosen by the user; null: 8 GiB, or a tenth of the disk's free space where that is less
 * @param space.free on the volume; null where the system does not tell
 * @param space.held by the states themselves: they would be free without them
 */
export function capOf(space: { chosen: number | null; free: number | null; held: number }): number {
  const { chosen, free, held } = space;
  if (free === null) return chosen ?? AUTOMATIC_CAP_BYTES;
  const room = Math.max(0, free + held - LOW_SPACE_BYTES);
  if (chosen !== null) return Math.min(chosen, room);
  return Math.min(AUTOMATIC_CAP_BYTES, room, Math.floor((free + held) * AUTOMATIC_CAP_SHARE));
}

/**
 * Whether a chat in memory is to be written. Pure.
 * @param chat.freshTokens what it holds that no state on the disk has
 * @param chat.readingMs what reading all its tokens again would take; null before anything was measured
 */
export function isWorthSaving(
  chat: { tokens: number; freshTokens: number; readingMs: number | null },
  worthMs: number,
): boolean {
  const { tokens, freshTokens, readingMs } = chat;
  if (tokens === 0 || readingMs === null) return false;
  return readingMs * Math.min(1, freshTokens / tokens) >= worthMs;
}

/** What of a chat is in memory and in no saved state, as far as the figures tell, in tokens. */
export interface Unsaved {
  /** Read or written by answers. */
  readonly freshTokens: number;
  /** Read ahead since the last answer: of a draft, which is never saved, or of the chat itself. */
  readonly aheadTokens: number;
}

/**
 * How many tokens of a chat no state on the disk has. Pure.
 * @param chat.tokens in memory, without a draft
 * @param chat.saved tokens of each of its states; without any, all is fresh
 */
export function freshOf(
  chat: { tokens: number; saved: readonly number[] },
  { freshTokens, aheadTokens }: Unsaved,
): number {
  if (chat.saved.length === 0) return chat.tokens;
  return freshTokens + Math.min(aheadTokens, Math.max(0, chat.tokens - Math.max(...chat.saved)));
}

/** Milliseconds saved per byte, half as much for each week that it was not used. Pure. */
function worthOf({ bytes, readingMs, usedAt }: Kept, now: number): number {
  return (readingMs / Math.max(1, bytes)) * 0.5 ** (Math.max(0, now - usedAt) / WORTH_HALVES_MS);
}

/** Which states go so that the others have at most `cap` bytes: those first that save least per byte. Pure. */
export function toEvict<T extends Kept>(states: readonly T[], cap: number, now: number): T[] {
  let total = states.reduce((sum, { bytes }) => sum + bytes, 0);
  const evicted: T[] = [];
  for (const state of states.toSorted((a, b) => worthOf(a, now) - worthOf(b, now))) {
    if (total <= cap) break;
    evicted.push(state);
    total -= state.bytes;
  }
  return evicted;
}

/** How many numbers at the start are the same. Pure. */
export function samePrefix(left: ArrayLike<number>, right: ArrayLike<number>): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index += 1) if (left[index] !== right[index]) return index;
  return length;
}
