import type { LlamaContextSequence, Token } from 'node-llama-cpp';
import { isOtherBranch, type BranchCosts } from './branches.ts';
import type { Turn } from './contract.ts';
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
  /** Of the branch that it holds, with the answer; null where that is not known. */
  turns: readonly Turn[] | null;
}

/** Who looks for a sequence to answer in. */
export interface Seeker {
  conversationId?: string;
  /** Of the prompt: tell a branch that goes on from another one of the same chat. */
  turns?: readonly Turn[];
  /** The chat may be written to a file for as long as it takes to copy it. */
  mayCopy?: boolean;
  /** Other chats that may be written so. */
  copyFrom?: readonly string[];
  /** A sequence that holds more is not copied; left out: any may be. */
  maxCopyTokens?: number;
  /** A saved state takes the place of whatever the sequence holds. */
  isRestored?: boolean;
}

/** What a prompt is answered in. */
export interface Choice<T> {
  sequence: T;
  /** Holds the start of the prompt, and another branch or chat behind it: to be copied, and given back as it was. */
  source: T | null;
  /** The source is another chat's: without a copy the prompt is read in the sequence that was chosen. */
  isOtherChat?: boolean;
}

/** The sequences of one context, each of which holds a chat; who answers takes one for as long as it answers. */
export class Sequences<T extends Live = LlamaContextSequence> {
  readonly #places: Place<T>[];
  readonly #costs: () => BranchCosts | null;
  /** One for each sequence that is held only to be copied from. */
  readonly #copies = new Set<Promise<boolean>>();
  #uses = 0;

  /** @param costs null: no branch is kept for its own sake */
  constructor(all: readonly T[], costs: () => BranchCosts | null = () => null) {
    this.#costs = costs;
    this.#places = all.map((sequence) => ({
      sequence,
      owner: null,
      usedAt: 0,
      isBusy: false,
      draftAt: null,
      turns: null,
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
    return this.#occupy(place, conversationId);
  }

  #occupy(place: Place<T>, conversationId: string | undefined): T {
    place.isBusy = true;
    place.owner = conversationId ?? null;
    place.turns = null;
    return place.sequence;
  }

  /**
   * As `take`; but where another branch of the chat would be lost that is worth more than what a further sequence
   * costs, that one is given, and the branch stays.
   */
  takeForBranch(tokens: readonly Token[], seeker: Seeker): Choice<T> {
    const { place: best, reach } = this.#choose(tokens, seeker.conversationId);
    if (!best) throw new Error('no free sequence');
    const other = this.#elsewhere(best, tokens, seeker);
    const like = other ? null : this.#alike(best, reach, tokens, seeker);
    const source = other?.isCopied ? best : like;
    if (source) source.isBusy = true;
    return {
      sequence: this.#occupy(other?.place ?? best, seeker.conversationId),
      source: source?.sequence ?? null,
      ...(like ? { isOtherChat: true } : {}),
    };
  }

  /**
   * Copies with `task` what a choice is to be copied from. When it fails the source is given in place of the sequence,
   * unless it is another chat's; null, and nothing is taken, when `signal` has fired by then.
   * @param task told where a message begins in the source that is not sent yet, and takes it out; false: it failed
   */
  async copy(
    { sequence, source, isOtherChat = false }: Choice<T>,
    task: (source: T, draftAt: number | null) => Promise<boolean>,
    signal?: AbortSignal,
  ): Promise<T | null> {
    const from = source && this.#placeOf(source);
    const place = this.#placeOf(sequence);
    if (!from || !place) return sequence;
    const copied = task(from.sequence, from.draftAt).catch(() => false);
    this.#copies.add(copied);
    const isCopied = await copied;
    this.#copies.delete(copied);
    from.draftAt = null;
    const isStopped = signal?.aborted ?? false;
    const isKept = isCopied || isOtherChat;
    if (isKept || isStopped) from.isBusy = false;
    if (isKept && !isStopped) return place.sequence;
    const { owner } = place;
    Object.assign(place, { isBusy: false, owner: null, usedAt: 0, draftAt: null });
    if (isStopped) return null;
    return this.#occupy(from, owner ?? undefined);
  }

  /** Some sequence is held only to be copied from: there may be none to take for a moment. */
  get isCopying(): boolean {
    return this.#copies.size > 0;
  }

  /** Resolves when those that are copied now are free again. Others may follow: ask again before one is taken. */
  async copied(): Promise<void> {
    await Promise.all(this.#copies);
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

  /** Tokens of the prompt that need not be read in what `takeForBranch` would give. */
  reachForBranch(tokens: readonly Token[], seeker: Seeker): number {
    const { place: best, reach } = this.#choose(tokens, seeker.conversationId);
    const other = best && this.#elsewhere(best, tokens, seeker);
    if (other) return other.isCopied ? reach : reachablePrefix(other.place.sequence, tokens);
    const like = best && this.#alike(best, reach, tokens, seeker);
    return like ? reachablePrefix(like.sequence, tokens) : reach;
  }

  /** Tokens that the sequence which `take` would give can go back to. */
  reachOf(tokens: readonly Token[], conversationId?: string): number {
    return this.#choose(tokens, conversationId).reach;
  }

  /**
   * @param draftAt of its tokens, where a message begins that is not sent yet
   * @param turns that it holds, with the answer
   */
  giveBack(sequence: T, draftAt: number | null = null, turns: readonly Turn[] | null = null): void {
    const place = this.#placeOf(sequence);
    if (!place) return;
    place.isBusy = false;
    this.#uses += 1;
    place.usedAt = this.#uses;
    place.draftAt = draftAt;
    place.turns = turns;
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
    while (this.isCopying) await this.copied();
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

  /**
   * Where a prompt goes that would cut another branch in the place that holds most of it: the place that costs least.
   * Null: to that place. One that was used later is never given up for it.
   */
  #elsewhere(
    best: Place<T>,
    tokens: readonly Token[],
    { conversationId, turns = [], mayCopy = false, maxCopyTokens = Infinity, isRestored = false }: Seeker,
  ): { place: Place<T>; isCopied: boolean } | null {
    const costs = this.#costs();
    const isOwn = conversationId !== undefined && best.owner === conversationId;
    if (!costs || !isOwn || !best.turns || !isOtherBranch(best.turns, turns)) return null;
    const reach = reachablePrefix(best.sequence, tokens);
    const lost = this.#onlyIn(best, reach);
    if (lost < costs.leastTokens) return null;
    // What the library goes back by in a window is no part of a state on the disk.
    const canCopy = mayCopy && !best.sequence.needsCheckpoints;
    const copied = best.sequence.nextTokenIndex;
    const copying = canCopy && copied <= maxCopyTokens ? costs.copyTokens(copied) : Infinity;
    let least = lost;
    let found: { place: Place<T>; isCopied: boolean } | null = null;
    for (const place of this.#free()) {
      if (place === best || place.usedAt > best.usedAt) continue;
      const held = reachablePrefix(place.sequence, tokens);
      const reading = isRestored ? 0 : Math.max(0, reach - held);
      const cost = Math.min(reading, copying) + (place.usedAt === 0 ? 0 : this.#onlyIn(place, held));
      if (cost >= least) continue;
      least = cost;
      found = { place, isCopied: copying < reading };
    }
    return found;
  }

  /**
   * The place of another chat that begins as this prompt does, with a system prompt for one, when copying it is faster
   * by a chunk or more than reading what it has more than `best`.
   */
  #alike(
    best: Place<T>,
    reach: number,
    tokens: readonly Token[],
    { mayCopy = false, copyFrom = [], maxCopyTokens = Infinity, isRestored = false }: Seeker,
  ): Place<T> | null {
    const costs = this.#costs();
    if (!costs || !mayCopy || isRestored) return null;
    let most = costs.leastTokens;
    let found: Place<T> | null = null;
    for (const place of this.#free()) {
      const held = place.sequence.nextTokenIndex;
      const isAllowed = place.owner !== null && copyFrom.includes(place.owner);
      if (place === best || !isAllowed || place.sequence.needsCheckpoints || held > maxCopyTokens) continue;
      const won = reachablePrefix(place.sequence, tokens) - reach - costs.copyTokens(held);
      if (won <= most) continue;
      most = won;
      found = place;
    }
    return found;
  }

  /** Tokens of a chat that would be read again, were this place cut back to `reach`. */
  #onlyIn(place: Place<T>, reach: number): number {
    const { sequence, draftAt } = place;
    const held = Math.min(sequence.nextTokenIndex, draftAt ?? Infinity);
    const elsewhere = this.#free()
      .filter((other) => other !== place)
      .map((other) => commonPrefixLength(other.sequence.contextTokens, sequence.contextTokens));
    return Math.max(0, held - Math.max(reach, ...elsewhere));
  }

  /** Least recently used first, and before those what another branch of the same chat holds most of. */
  #free(): Place<T>[] {
    const free = this.#places.filter(({ isBusy }) => !isBusy).toSorted((a, b) => a.usedAt - b.usedAt);
    const isSpare = (place: Place<T>, index: number) =>
      free.some(
        (other, at) =>
          at > index &&
          place.owner !== null &&
          other.owner === place.owner &&
          2 * commonPrefixLength(place.sequence.contextTokens, other.sequence.contextTokens) >=
            place.sequence.nextTokenIndex,
      );
    const spare = new Set(free.filter((place, index) => place.usedAt > 0 && isSpare(place, index)));
    // What was never used holds nothing.
    const rank = (place: Place<T>) => (place.usedAt === 0 ? 0 : spare.has(place) ? 1 : 2);
    return spare.size === 0 ? free : free.toSorted((a, b) => rank(a) - rank(b) || a.usedAt - b.usedAt);
  }

  #placeOf(sequence: T): Place<T> | undefined {
    return this.#places.find((place) => place.sequence === sequence);
  }
}
