import type { LlamaContextSequence, Token } from 'node-llama-cpp';
import { commonPrefixLength } from './prefill.ts';

/** What choosing a sequence needs to know of one. */
export type Live = Pick<
  LlamaContextSequence,
  | 'contextTokens'
  | 'nextTokenIndex'
  | 'needsCheckpoints'
  | 'stateCellsStartIndex'
  | 'getRestoreToPrefixIndexEvaluationSize'
> & { readonly model: { readonly fileInsights: { readonly swaSize: number | undefined } } };

/**
 * How many tokens at the start the sequence can go back to without reading. A sliding window or a recurrent state
 * can only go back to a checkpoint; the library would read what lies behind it in one piece that no stop reaches.
 */
export function reachablePrefix(sequence: Live, tokens: readonly Token[]): number {
  const same = commonPrefixLength(sequence.contextTokens, tokens);
  if (same === 0 || same === sequence.nextTokenIndex || !sequence.needsCheckpoints) return same;
  // The next token looks back over a whole window. The library also goes back to where only a part of it is left,
  // and computes with that.
  const windowStart = same - (sequence.model.fileInsights.swaSize ?? same);
  const start = sequence.stateCellsStartIndex;
  const index = start > Math.max(0, windowStart) ? Math.min(same, start) - 1 : same - 1;
  return Math.max(0, index + 1 - Math.max(0, sequence.getRestoreToPrefixIndexEvaluationSize(index)));
}

/**
 * Tokens of the chat used last that work in the background may cost, which that chat would have to read again: a few
 * seconds on a slow processor, and more than what a template or a thought makes differ.
 */
export const MAX_BACKGROUND_LOSS = 512;

interface Place<T> {
  sequence: T;
  /** Whose chat it holds, where that is known. */
  owner: string | null;
  /** Grows with each use; 0 before the first. */
  usedAt: number;
  isBusy: boolean;
  /** Where a message begins that was read while it was being written; null: it holds nothing but what was sent. */
  draftAt: number | null;
}

/** The sequences of one context, each of which holds a chat; who answers takes one for as long as it answers. */
export class Sequences<T extends Live = LlamaContextSequence> {
  readonly #places: Place<T>[];
  #uses = 0;

  constructor(all: readonly T[]) {
    this.#places = all.map((sequence) => ({
      sequence,
      owner: null,
      usedAt: 0,
      isBusy: false,
      draftAt: null,
    }));
  }

  get all(): readonly T[] {
    return this.#places.map(({ sequence }) => sequence);
  }

  /**
   * The free sequence that holds most of this prompt; where that is little, the one that was used longest ago: what
   * the others hold may be asked for again.
   * @throws Error when none is free; the queue sees to it that one is
   */
  take(tokens: readonly Token[], conversationId?: string): T {
    const { place } = this.#choose(tokens, conversationId);
    if (!place) throw new Error('no free sequence');
    place.isBusy = true;
    place.owner = conversationId ?? null;
    return place.sequence;
  }

  /**
   * As `take`, for work that leaves nothing of use: a chat is only gone back in where most of it stays, and what else
   * is taken is the first to be given up afterwards. Null where only the chat that was used last is left to take, and
   * would lose more than `MAX_BACKGROUND_LOSS`.
   */
  takeInBackground(tokens: readonly Token[], conversationId?: string): T | null {
    const free = this.#free();
    const last = free.at(-1);
    const costs = ({ sequence }: Place<T>) =>
      sequence.nextTokenIndex - reachablePrefix(sequence, tokens) > MAX_BACKGROUND_LOSS;
    let { place } = this.#choose(tokens);
    if (place === last && last && costs(last)) place = free[0] ?? null;
    if (!place || (place === last && costs(place))) return null;
    const reach = reachablePrefix(place.sequence, tokens);
    const isOwn = place.owner !== null && place.owner === conversationId;
    place.isBusy = true;
    if (isOwn && reach > 0) {
      // What is written behind the chat is no part of it.
      place.draftAt = Math.min(reach, place.draftAt ?? reach);
    } else place.owner = null;
    return place.sequence;
  }

  /** Tokens that the sequence which `take` would give can go back to. */
  reachOf(tokens: readonly Token[], conversationId?: string): number {
    return this.#choose(tokens, conversationId).reach;
  }

  /** @param draftAt of its tokens, where a message begins that is not sent yet */
  giveBack(sequence: T, draftAt: number | null = null): void {
    const place = this.#placeOf(sequence);
    if (!place) return;
    place.isBusy = false;
    this.#uses += 1;
    place.usedAt = this.#uses;
    place.draftAt = draftAt;
  }

  /** Of one that was taken in the background. */
  giveBackFromBackground(sequence: T): void {
    const place = this.#placeOf(sequence);
    if (!place) return;
    place.isBusy = false;
    if (place.owner !== null) return;
    place.usedAt = 0;
    place.draftAt = null;
  }

  /**
   * Runs `task` on the free sequence that holds this chat, which then is as recently used as before; else null. The
   * task is told where a message begins that is not sent yet, and takes it out.
   */
  async borrow<R>(
    conversationId: string,
    task: (sequence: T, draftAt: number | null) => Promise<R>,
  ): Promise<R | null> {
    const place = this.#free()
      .filter(({ owner, sequence }) => owner === conversationId && sequence.nextTokenIndex > 0)
      .at(-1);
    if (!place) return null;
    place.isBusy = true;
    try {
      const result = await task(place.sequence, place.draftAt);
      place.draftAt = null;
      return result;
    } finally {
      place.isBusy = false;
    }
  }

  /** The chats of the free sequences, how many tokens of each they hold, and whether a draft comes behind those. */
  held(): { conversationId: string; tokens: number; hasDraft: boolean }[] {
    const chats = new Map<string, { tokens: number; hasDraft: boolean }>();
    for (const { owner, sequence, draftAt } of this.#free()) {
      const tokens = Math.min(sequence.nextTokenIndex, draftAt ?? Infinity);
      if (owner !== null && tokens > 0)
        chats.set(owner, { tokens, hasDraft: tokens < sequence.nextTokenIndex });
    }
    return [...chats].map(([conversationId, chat]) => ({ conversationId, ...chat }));
  }

  /** Puts another sequence in the place of one that is of no use any more. */
  replace(sequence: T, other: T): void {
    const place = this.#placeOf(sequence);
    if (place) place.sequence = other;
  }

  /** Tokens that need not be read, were this prompt answered now in the sequence that `take` gives. */
  reusable(tokens: readonly Token[], conversationId?: string): number {
    const { place } = this.#choose(tokens, conversationId);
    // The last token of a prompt is always evaluated, to sample from.
    return place ? reachablePrefix(place.sequence, tokens.slice(0, -1)) : 0;
  }

  #choose(tokens: readonly Token[], conversationId?: string): { place: Place<T> | null; reach: number } {
    const free = this.#free();
    let place = free[0] ?? null;
    let most = 0;
    for (const candidate of free) {
      const { sequence, owner } = candidate;
      const reach = reachablePrefix(sequence, tokens);
      // All chats begin alike: another's is not given up for the few tokens of a system prompt.
      const isOwn = conversationId !== undefined && owner === conversationId;
      const isMostlyKept = 2 * reach >= sequence.nextTokenIndex;
      if (reach <= most || !(isOwn || isMostlyKept)) continue;
      most = reach;
      place = candidate;
    }
    if (place && most === 0) most = reachablePrefix(place.sequence, tokens);
    return { place, reach: most };
  }

  /** How many are taken. */
  get inUse(): number {
    return this.#places.filter(({ isBusy }) => isBusy).length;
  }

  /** Least recently used first. */
  #free(): Place<T>[] {
    return this.#places.filter(({ isBusy }) => !isBusy).toSorted((a, b) => a.usedAt - b.usedAt);
  }

  #placeOf(sequence: T): Place<T> | undefined {
    return this.#places.find((place) => place.sequence === sequence);
  }
}
