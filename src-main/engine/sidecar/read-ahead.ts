import type { Token } from 'node-llama-cpp';
import { takeSequence } from './branch-copy.ts';
import type { PromptInput, ReadAheadEvent, ReadAheadInput } from './contract.ts';
import type { LoadedModel } from './model.ts';
import { commonPrefixLength } from './prefill.ts';
import { renderPrompt, type PromptModel } from './prompt.ts';
import { readInChunks } from './reading.ts';
import { restoreState } from './saved-state.ts';
import { reachablePrefix } from './sequences.ts';

/** Ways in which any message may go on: what the prompts of all begin with is certain. */
const ENDINGS = ['and', 'Quite', '7'] as const;

/** The text without its last word, which is still being written. Pure. */
export function finishedWords(text: string): string {
  return text.replace(/\S*$/u, '').trimEnd();
}

/**
 * The tokens that the next prompt begins with, whatever follows. The last turn is a message that is still being
 * written; where it is an answer, the next message has not begun.
 * @throws context_full, internal as `renderPrompt`
 */
export function certainTokens(loaded: PromptModel, input: PromptInput): Token[] {
  const last = input.turns.at(-1);
  const isWriting = last?.role === 'user';
  const before = isWriting ? input.turns.slice(0, -1) : input.turns;
  const finished = isWriting ? finishedWords(last.text) : '';
  const prompts = ENDINGS.map((ending) => {
    const text = finished === '' ? ending : `${finished} ${ending}`;
    return renderPrompt(loaded, { ...input, turns: [...before, { role: 'user', text }] }).tokens;
  });
  const [first = [], ...others] = prompts;
  return first.slice(0, Math.min(...others.map((other) => commonPrefixLength(first, other))));
}

/** Where the message that is being written begins; null when none is. */
function draftStart(loaded: PromptModel, input: PromptInput, end: number): number | null {
  if (input.turns.at(-1)?.role !== 'user') return null;
  return Math.min(end, certainTokens(loaded, { ...input, turns: input.turns.slice(0, -1) }).length);
}

/**
 * Reads what is certain of the next prompt, and ends with exactly one `done`: stopped, it tells what it has read.
 * @throws what rendering throws
 */
export async function readAhead(
  loaded: LoadedModel,
  input: ReadAheadInput,
  { signal, emit }: { signal: AbortSignal; emit: (event: ReadAheadEvent) => void },
): Promise<void> {
  const startMs = performance.now();
  const tokens = certainTokens(loaded, input);
  const { conversationId, savedState } = input;
  const done = (readTokens: number, reusedTokens: number) =>
    emit({ type: 'done', readTokens, reusedTokens, elapsedMs: performance.now() - startMs });
  const isTooLong = tokens.length + 1 >= loaded.context.contextSize;
  // All of it is there already, and perhaps an answer behind it, which another one would be told from.
  if (isTooLong || signal.aborted || loaded.sequences.reachOf(tokens, conversationId) >= tokens.length)
    return done(0, isTooLong ? 0 : tokens.length);
  const last = input.turns.at(-1);
  const turns = last?.role === 'user' ? input.turns.slice(0, -1) : input.turns;
  const taken = await takeSequence(loaded, tokens, {
    ...(conversationId === undefined ? {} : { conversationId }),
    turns,
    isRestored: savedState !== undefined,
    copyPath: input.copyPath,
    copyMaxBytes: input.copyMaxBytes,
    copyFrom: input.copyFrom ?? [],
    signal,
    emit,
  });
  if (!taken) return done(0, 0);
  let sequence = taken;
  let kept = 0;
  const draftAt = draftStart(loaded, input, tokens.length);
  try {
    if (savedState) ({ sequence } = await restoreState(loaded, sequence, tokens, savedState, emit));
    await sequence.adaptStateToTokens(tokens.slice(0, reachablePrefix(sequence, tokens)), false);
    kept = sequence.nextTokenIndex;
    await readInChunks(loaded, sequence, tokens, { signal, isBackground: true });
    // The way back to here, for another end of the message.
    if (sequence.needsCheckpoints) await sequence.takeCheckpoint();
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    loaded.sequences.giveBack(sequence, draftAt, turns);
  }
  done(Math.max(0, sequence.nextTokenIndex - kept), kept);
}
