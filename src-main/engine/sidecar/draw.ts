import type { Token } from 'node-llama-cpp';
import type { Sampling } from '../../contract/index.ts';

/** A table of more candidates a token takes longer to hand over than it is worth. */
const MAX_TABLE = 256;

/**
 * Whether each token of an answer can be drawn from a table of its own ({@link draw}), whatever was computed in one
 * batch with it. With a repeat penalty it cannot: the tokens of a batch would be punished for the text before the
 * batch. Nor where nothing bounds the table. Pure; says nothing of the machine or of settings other than these, so
 * that an answer with a seed is drawn in the same way every time.
 */
export function drawsByPosition({ repeatPenalty, temperature, topK }: Sampling): boolean {
  return repeatPenalty === 1 && (temperature === 0 || (topK >= 1 && topK <= MAX_TABLE));
}

const STEP = 0x9e_37_79_b9;
const UINT32 = 2 ** 32;

/** A good 32-bit finaliser (lowbias32). */
function mixed(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x21_f0_aa_ad);
  bits = Math.imul(bits ^ (bits >>> 15), 0x73_5a_2d_97);
  return (bits ^ (bits >>> 15)) >>> 0;
}

/** The random number of the token at `position` of an answer, from 0 to below 1. Pure. */
export function uniformAt(seed: number, position: number): number {
  return mixed((mixed(seed) + Math.imul(position + 1, STEP)) | 0) / UINT32;
}

/**
 * The token that a random number from 0 to below 1 says; null when the table is empty. Pure.
 * @param table probabilities after top-k, top-p, min-p and temperature, likeliest first
 */
export function draw(table: ReadonlyMap<Token, number>, random: number): Token | null {
  let total = 0;
  for (const probability of table.values()) total += probability;
  let left = random * total;
  let last: Token | null = null;
  for (const [token, probability] of table) {
    if (probability <= 0) continue;
    last = token;
    left -= probability;
    if (left < 0) break;
  }
  return last;
}
