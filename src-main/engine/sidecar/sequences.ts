import type { LlamaContextSequence, Token } from 'node-llama-cpp';
import { commonPrefixLength } from './prefill.ts';

/** What choosing a sequence needs to know of one. */
export type Live = Pick<
  LlamaContextSequence,
  'contextTokens' | 'nextTokenIndex' | 'getRestoreToPrefixIndexEvaluationSize'
>;

/**
 * How many tokens at the start the sequence can go back to without reading. A sliding window or a recurrent state
 * can only go back to a checkpoint; the library would read what lies behind it in one piece that no stop reaches.
 */
export function reachablePrefix(sequence: Live, tokens: readonly Token[]): number {
  const same = commonPrefixLength(sequence.contextTokens, tokens);
  if (same === 0 || same === sequence.nextTokenIndex) return same;
  return Math.max(0, same - Math.max(0, sequence.getRestoreToPrefixIndexEvaluationSize(same - 1)));
}

/** The sequences of one context, each of which holds a chat; who answers takes one for as long as it answers. */
export class Sequences<T extends Live = LlamaContextSequence> {
  readonly all: readonly T[];
  /** Least recently used first. */
  readonly #free: T[];
  /** Whose chat each holds, where that is known. */
  readonly #owners = new Map<T, string>();

  constructor(all: readonly T[]) {
    this.all = all;
    this.#free = [...all];
  }

  /**
   * The free sequence that holds most of this prompt; where that is little, the one that was used longest ago: what
   * the others hold may be asked for again.
   * @throws Error when none is free; the queue sees to it that one is
   */
  take(tokens: readonly Token[], conversationId?: string): T {
    let chosen = this.#free[0];
    let most = 0;
    for (const sequence of this.#free) {
      const reach = reachablePrefix(sequence, tokens);
      // All chats begin alike: another's is not given up for the few tokens of a system prompt.
      const isOwn = conversationId !== undefined && this.#owners.get(sequence) === conversationId;
      const isMostlyKept = 2 * reach >= sequence.nextTokenIndex;
      if (reach <= most || !(isOwn || isMostlyKept)) continue;
      most = reach;
      chosen = sequence;
    }
    if (!chosen) throw new Error('no free sequence');
    this.#free.splice(this.#free.indexOf(chosen), 1);
    if (conversationId === undefined) this.#owners.delete(chosen);
    else this.#owners.set(chosen, conversationId);
    return chosen;
  }

  giveBack(sequence: T): void {
    this.#free.push(sequence);
  }

  /** Tokens that need not be read, were this prompt answered now. */
  reusable(tokens: readonly Token[]): number {
    // The last token of a prompt is always evaluated, to sample from.
    const prompt = tokens.slice(0, -1);
    return this.all.reduce((most, sequence) => Math.max(most, reachablePrefix(sequence, prompt)), 0);
  }
}
