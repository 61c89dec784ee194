import type { LlamaContextSequence, Token } from 'node-llama-cpp';
import type { LoadedModel } from './model.ts';
import { ALONE_TARGET_MS, CHUNK_TARGET_MS, nextChunkSize } from './prefill.ts';

/** Of the library's five: what is read ahead takes no place in a batch that an answer could use. */
const BACKGROUND_PRIORITY = 1;

/**
 * Reads the rest of `tokens` into a sequence that holds their start, in chunks that a stop can wait for.
 * @param options.onChunk told before each chunk, how many of `tokens` are there
 * @throws the reason of `signal` between two chunks
 */
export async function readInChunks(
  loaded: LoadedModel,
  sequence: LlamaContextSequence,
  tokens: readonly Token[],
  options: {
    signal: AbortSignal;
    isBackground?: boolean;
    /** No other answer waits meanwhile: chunks may be as long as a stop can wait. */
    isAlone?: () => boolean;
    /** The last chunk is left to whoever evaluates the rest anyway: a step less. */
    leavesLast?: boolean;
    onChunk?: (position: number) => void;
    onRead?: () => void;
  },
): Promise<void> {
  const {
    signal,
    isBackground = false,
    isAlone = () => false,
    leavesLast = false,
    onChunk,
    onRead,
  } = options;
  for (let position = sequence.nextTokenIndex; position < tokens.length;) {
    signal.throwIfAborted();
    const targetMs = isAlone() ? ALONE_TARGET_MS : CHUNK_TARGET_MS;
    const chunk = tokens.slice(position, position + nextChunkSize(loaded.lastChunk, targetMs));
    onChunk?.(position);
    if (leavesLast && position + chunk.length === tokens.length) return;
    const startMs = performance.now();
    await sequence.evaluateWithoutGeneratingNewTokens(
      chunk,
      isBackground ? { evaluationPriority: BACKGROUND_PRIORITY } : {},
    );
    noteChunk(loaded, chunk.length, performance.now() - startMs);
    position += chunk.length;
    onRead?.();
  }
  signal.throwIfAborted();
}

/** The size of the next chunk and what reading costs follow from what was measured. */
export function noteChunk(loaded: LoadedModel, tokens: number, elapsedMs: number): void {
  loaded.lastChunk = { tokens, elapsedMs };
  loaded.readingSpeed.note(loaded.lastChunk);
}
