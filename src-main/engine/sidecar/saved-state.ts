import type { LlamaContextSequence, Token } from 'node-llama-cpp';
import type { GenerateInput, RestoreEvent, SavedStateCandidate } from './contract.ts';
import type { LoadedModel } from './model.ts';
import { commonPrefixLength } from './prefill.ts';
import { reachablePrefix, type Seeker } from './sequences.ts';

/** A state that saves fewer tokens is not looked at: they are read in about one chunk. */
const MIN_GAIN_TOKENS = 16;
/** A solid-state disk of the slower kind, with a checksum on the way, in bytes a ms. */
const READ_BYTES_PER_MS = 400_000;
/** Opening, checking and handing over a file of any size, in ms. */
const READ_BASE_MS = 10;

interface Reuse {
  /** Tokens that the memory holds already. */
  live: number;
  /** Tokens that the state would hold of this prompt. */
  saved: number;
  bytes: number;
  /** Null before anything was measured. */
  msPerToken: number | null;
}

/** Whether a state on disk is read rather than the tokens that it saves. Pure. */
export function isWorthReading({ live, saved, bytes, msPerToken }: Reuse): boolean {
  const gain = saved - live;
  if (gain < MIN_GAIN_TOKENS) return false;
  return msPerToken === null || gain * msPerToken > READ_BASE_MS + bytes / READ_BYTES_PER_MS;
}

/**
 * Tokens of the prompt that a saved state can take the place of. Pure.
 * @param isWindowed its checkpoints are not saved: it goes on where it ended, or not at all
 */
export function savedPrefix(
  saved: readonly number[],
  prompt: readonly number[],
  isWindowed: boolean,
): number {
  // The last token of a prompt is always evaluated, to sample from.
  const same = Math.min(commonPrefixLength(saved, prompt), prompt.length - 1);
  return isWindowed && same < saved.length ? 0 : same;
}

/** The candidate that is worth reading for this prompt, and best of those; null: none is. */
export function chooseState(
  loaded: LoadedModel,
  prompt: readonly Token[],
  { candidates, ...seeker }: Seeker & { candidates: readonly SavedStateCandidate[] },
): string | null {
  const live = loaded.sequences.reachForBranch(prompt.slice(0, -1), seeker);
  const isWindowed = loaded.sequences.all[0]?.needsCheckpoints ?? false;
  const { msPerToken } = loaded.readingSpeed;
  let best: { id: string; saved: number } | null = null;
  for (const { id, tokens, bytes } of candidates) {
    const saved = tokens.length > loaded.context.contextSize ? 0 : savedPrefix(tokens, prompt, isWindowed);
    if (saved > (best?.saved ?? 0) && isWorthReading({ live, saved, bytes, msPerToken }))
      best = { id, saved };
  }
  return best?.id ?? null;
}

/** What came of a saved state. */
export interface Restored {
  /** Another than before when the library could not read the file: what is left of it is of no use. */
  sequence: LlamaContextSequence;
  /** Tokens of the prompt that came from the file; 0 when the sequence held as much by now, or it was refused. */
  tokens: number;
  elapsedMs: number;
}

/**
 * Reads a saved state into a sequence where that still saves tokens. Never throws: without it the prompt is read.
 * @param sequence as taken; what it holds is given up
 */
export async function restoreState(
  loaded: LoadedModel,
  sequence: LlamaContextSequence,
  prompt: readonly Token[],
  saved: NonNullable<GenerateInput['savedState']>,
  emit: (event: RestoreEvent) => void,
): Promise<Restored> {
  const { id, path, tokens, bytes } = saved;
  const gain = {
    live: reachablePrefix(sequence, prompt.slice(0, -1)),
    saved: savedPrefix(tokens, prompt, sequence.needsCheckpoints),
    bytes,
    msPerToken: loaded.readingSpeed.msPerToken,
  };
  if (!isWorthReading(gain)) return { sequence, tokens: 0, elapsedMs: 0 };
  const startMs = performance.now();
  emit({ type: 'restoring', id });
  const isRead = await readInto(sequence, path, tokens);
  emit({ type: 'restored', id, isRefused: !isRead });
  const elapsedMs = performance.now() - startMs;
  if (isRead) return { sequence, tokens: gain.saved, elapsedMs };
  return { sequence: await loaded.renew(sequence), tokens: 0, elapsedMs };
}

/** Reads a file into a sequence; false when it is not what those tokens make. Never throws. */
export async function readInto(
  sequence: LlamaContextSequence,
  path: string,
  tokens: readonly number[],
): Promise<boolean> {
  try {
    // The library keeps the checkpoints of what was there before; only an empty sequence has none.
    await sequence.clearHistory();
    await sequence.loadStateFromFile(path, { acceptRisk: true });
    const { contextTokens } = sequence;
    return (
      contextTokens.length === tokens.length && commonPrefixLength(contextTokens, tokens) === tokens.length
    );
  } catch {
    return false;
  }
}

/** Takes out of a sequence what is no part of its chat. @param draftAt where a message begins that is not sent yet */
export async function cutToSent(sequence: LlamaContextSequence, draftAt: number | null): Promise<void> {
  // Guesses that were not confirmed are in the cache, but not among the tokens.
  await sequence.eraseContextTokenRanges([{ start: sequence.nextTokenIndex, end: Number.MAX_SAFE_INTEGER }]);
  // What is not sent yet is nobody's to keep.
  const sent = sequence.contextTokens.slice(0, draftAt ?? undefined);
  await sequence.adaptStateToTokens(sent.slice(0, reachablePrefix(sequence, sent)), false);
}

/** Writes the state of a chat; null when no free sequence holds it. */
export function saveState(
  loaded: LoadedModel,
  { conversationId, path }: { conversationId: string; path: string },
): Promise<{ tokens: number[]; bytes: number; elapsedMs: number; readingMs: number | null } | null> {
  return loaded.sequences.borrow(conversationId, async (sequence, draftAt) => {
    const startMs = performance.now();
    await cutToSent(sequence, draftAt);
    const tokens: number[] = [...sequence.contextTokens];
    if (tokens.length === 0) return null;
    const { fileSize } = await sequence.saveStateToFile(path);
    const elapsedMs = performance.now() - startMs;
    return { tokens, bytes: fileSize, elapsedMs, readingMs: readingMs(loaded, tokens.length) };
  });
}

/** The chats that could be saved now. */
export function heldChats(loaded: LoadedModel) {
  const { bytesPerToken } = loaded;
  return loaded.sequences.held().map((chat) => ({
    ...chat,
    readingMs: readingMs(loaded, chat.tokens),
    bytes: bytesPerToken === null ? null : Math.ceil(bytesPerToken * chat.tokens),
  }));
}

function readingMs({ readingSpeed: { msPerToken } }: LoadedModel, tokens: number): number | null {
  return msPerToken === null ? null : msPerToken * tokens;
}

/**
 * What the library says of a context that a state depends on, besides what it was asked for. A state that was saved
 * with other parts is not read: the library checks the size of a state, not what the numbers in it mean.
 */
export function stateParts({ model, context, tuning }: LoadedModel): string {
  const { contextSize, flashAttention, kvCacheKeyType, kvCacheValueType } = context;
  const { gpuLayers } = model;
  return JSON.stringify({
    contextSize,
    flashAttention,
    kvCacheKeyType,
    kvCacheValueType,
    gpuLayers,
    fullWindow: tuning.fullWindow,
  });
}
