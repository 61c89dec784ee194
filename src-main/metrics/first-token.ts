import type { FirstTokenKind, GenerationStats } from '../contract/index.ts';

/** Of a prompt's tokens: from here on it was reused rather than read. */
const REUSED_SHARE = 0.5;

/**
 * What the wait for a first token was made of. Pure.
 * - `cold`: the model was loaded for this answer, or nothing had been read since it was loaded and nothing was
 *   reused: its weights are touched for the first time.
 * - `follow_up`: at least half of the prompt was reused, from memory or from the disk: the next turn of a chat,
 *   another answer, an edit near the end, a new chat that begins with a long text that another began with, a prompt
 *   that was read ahead while it was written.
 * - `warm`: the model was there, and most of the prompt was read: a new chat, or one that another had displaced.
 * @param isFirst nothing was read since the model was loaded
 * @returns null when no token came
 */
export function firstTokenKindOf(
  {
    ttftMs,
    loadMs,
    promptTokens,
    reusedTokens,
  }: Pick<GenerationStats, 'ttftMs' | 'loadMs' | 'promptTokens' | 'reusedTokens'>,
  isFirst: boolean,
): FirstTokenKind | null {
  if (ttftMs === null) return null;
  if (loadMs > 0 || (isFirst && reusedTokens === 0)) return 'cold';
  return reusedTokens >= promptTokens * REUSED_SHARE ? 'follow_up' : 'warm';
}
