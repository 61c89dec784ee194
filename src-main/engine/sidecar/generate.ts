import type {
  ChatHistoryItem,
  LlamaChatResponse,
  LlamaContextSequence,
  Token,
  TokenMeterState,
} from 'node-llama-cpp';
import {
  appError,
  isAppError,
  type GenerationStats,
  type Sampling,
  type StopReason,
} from '../../contract/index.ts';
import { Coalescer } from './coalesce.ts';
import type { GenerateEvent, GenerateInput } from './contract.ts';
import type { LoadedModel } from './model.ts';
import { commonPrefixLength, nextChunkSize } from './prefill.ts';
import { buildHistory, renderPrompt } from './prompt.ts';

/** The library's window for the repeat penalty, said explicitly because it is one of our defaults too. */
const REPEAT_PENALTY_TOKENS = 64;
const MAX_SEED = 0xffff_ffff;

/** What the process around a generation knows. */
export interface GenerateContext {
  readonly loaded: LoadedModel;
  readonly backend: string;
  readonly engineVersion: string;
  readonly emit: (event: GenerateEvent) => void;
  /** Fires when the user stops. */
  readonly signal: AbortSignal;
}

/** Figures of one generation, filled as it goes; token figures come from the sequence's counters. */
interface Progress {
  readonly startMs: number;
  readonly meter: TokenMeterState;
  readonly seed: number;
  promptTokens: number;
  reusedTokens: number;
  /** Set with the first token; what a template makes the library read after that is not the prompt. */
  prompt: { promptTokens: number; readTokens: number } | null;
  prefillMs: number;
  firstTokenMs: number | null;
  lastTokenMs: number | null;
}

/** Answers a chat. Ends with exactly one `done` event and never throws. */
export async function generate(input: GenerateInput, context: GenerateContext): Promise<void> {
  const { loaded, emit, signal } = context;
  const progress: Progress = {
    startMs: performance.now(),
    meter: loaded.sequence.tokenMeter.getState(),
    seed: input.sampling.seed ?? Math.floor(Math.random() * (MAX_SEED + 1)),
    promptTokens: 0,
    reusedTokens: 0,
    prompt: null,
    prefillMs: 0,
    firstTokenMs: null,
    lastTokenMs: null,
  };
  const finish = (stopReason: StopReason, error: unknown = null) => {
    const isEarly = progress.promptTokens === 0;
    const failure = error === null ? null : failureOf(error);
    emit({
      type: 'done',
      stopReason,
      stats: isEarly ? null : statsOf(progress, stopReason, input.sampling, context),
      failure,
    });
  };
  try {
    const history = buildHistory(input, loaded.isSystemMerged);
    const tokens = renderPrompt(loaded, history);
    const contextSize = loaded.context.contextSize;
    // The library needs room for one token more.
    if (tokens.length + 1 >= contextSize) {
      finish('context_full', appError('context_full', { promptTokens: tokens.length, contextSize }));
      return;
    }
    progress.promptTokens = tokens.length;
    await readPrompt(tokens, progress, context);
    finish(await decode(history, progress, input.sampling, context));
  } catch (error) {
    if (signal.aborted) finish('stopped');
    else finish(isAppError(error) && error.code === 'context_full' ? 'context_full' : 'failed', error);
  }
}

/**
 * Brings the sequence to the prompt: keeps what is the same, reads the rest in chunks that a stop can wait for,
 * and leaves the last token to the decoder, which needs one to sample from.
 */
async function readPrompt(tokens: Token[], progress: Progress, context: GenerateContext): Promise<void> {
  const { loaded, emit, signal } = context;
  const { sequence } = loaded;
  const end = tokens.length - 1;
  signal.throwIfAborted();
  await sequence.adaptStateToTokens(tokens.slice(0, reachablePrefix(sequence, tokens.slice(0, end))), false);
  const kept = sequence.nextTokenIndex;
  progress.reusedTokens = Math.max(0, kept - usedSince(progress, context).usedInputTokens);
  const total = tokens.length - kept;
  for (let position = kept; position < end;) {
    signal.throwIfAborted();
    const chunk = tokens.slice(position, Math.min(end, position + nextChunkSize(loaded.lastChunk)));
    emit({
      type: 'reading',
      done: position - kept,
      total,
      etaMs: readingEta(tokens.length - position, loaded),
    });
    const startMs = performance.now();
    await sequence.evaluateWithoutGeneratingNewTokens(chunk);
    loaded.lastChunk = { tokens: chunk.length, elapsedMs: performance.now() - startMs };
    position += chunk.length;
    progress.prefillMs = performance.now() - progress.startMs;
  }
  signal.throwIfAborted();
  // The way back to the end of the prompt, for another answer to it.
  if (sequence.needsCheckpoints) await sequence.takeCheckpoint();
}

/**
 * How many tokens at the start the sequence can go back to without reading. A sliding window or a recurrent state
 * can only go back to a checkpoint; the library would read what lies behind it in one piece that no stop reaches.
 */
function reachablePrefix(sequence: LlamaContextSequence, tokens: Token[]): number {
  const same = commonPrefixLength(sequence.contextTokens, tokens);
  if (same === 0 || same === sequence.nextTokenIndex) return same;
  return Math.max(0, same - Math.max(0, sequence.getRestoreToPrefixIndexEvaluationSize(same - 1)));
}

function readingEta(left: number, { lastChunk }: LoadedModel): number | null {
  return lastChunk ? (left / lastChunk.tokens) * lastChunk.elapsedMs : null;
}

async function decode(
  history: ChatHistoryItem[],
  progress: Progress,
  sampling: Sampling,
  context: GenerateContext,
): Promise<StopReason> {
  const { loaded, emit, signal } = context;
  const { chat } = loaded;
  const coalescer = new Coalescer((kind, text) => {
    const generatedTokens = usedSince(progress, context).usedOutputTokens;
    emit({ type: 'chunk', kind, text, generatedTokens });
  });
  // At this count the context is full; one more would make the library cut the chat.
  const room = loaded.context.contextSize - progress.promptTokens;
  const maxTokens = Math.min(sampling.maxTokens ?? room, room);
  const full = new AbortController();
  const markRead = () => {
    // The start of a segment is told before anything was sampled.
    if (progress.prompt || usedSince(progress, context).usedOutputTokens === 0) return;
    const { promptTokens, readTokens, reusedTokens } = promptFigures(progress, context);
    progress.prompt = { promptTokens, readTokens };
    progress.firstTokenMs = performance.now();
    progress.prefillMs = progress.firstTokenMs - progress.startMs;
    emit({
      type: 'read',
      promptTokens,
      reusedTokens,
      readTokens,
      prefillMs: progress.prefillMs,
      seed: progress.seed,
    });
  };
  try {
    const response = await chat.generateResponse(history, {
      ...samplerOptions(sampling, progress.seed),
      maxTokens,
      signal: AbortSignal.any([signal, full.signal]),
      stopOnAbortSignal: true,
      onResponseChunk(chunk) {
        markRead();
        coalescer.add(chunk.type === 'segment' ? 'reasoning' : 'answer', chunk.text);
      },
      contextShift: {
        // Only reached when a template adds tokens on its own. A throw here would be swallowed by the library,
        // which then cuts the chat by itself; an abort stops it before it reads what it has cut.
        strategy: () => {
          full.abort(appError('context_full', contextDetails(progress, context)));
          return { chatHistory: [{ type: 'user', text: '' }] };
        },
      },
    });
    progress.lastTokenMs = performance.now();
    markRead();
    return stopReasonOf(response, { isFull: full.signal.aborted, isStopped: signal.aborted, sampling, room });
  } finally {
    progress.lastTokenMs ??= performance.now();
    coalescer.flush();
  }
}

function samplerOptions(sampling: Sampling, seed: number) {
  const { temperature, topK, topP, minP, repeatPenalty } = sampling;
  return {
    temperature,
    topK,
    topP,
    minP,
    seed,
    repeatPenalty:
      repeatPenalty === 1 ? (false as const) : { penalty: repeatPenalty, lastTokens: REPEAT_PENALTY_TOKENS },
  };
}

function stopReasonOf(
  response: LlamaChatResponse,
  state: { isFull: boolean; isStopped: boolean; sampling: Sampling; room: number },
): StopReason {
  switch (response.metadata.stopReason) {
    case 'maxTokens':
      return state.sampling.maxTokens !== null && state.sampling.maxTokens < state.room
        ? 'max_tokens'
        : 'context_full';
    case 'abort':
      return state.isFull && !state.isStopped ? 'context_full' : 'stopped';
    default:
      return 'end';
  }
}

/** Tokens evaluated since the start of the generation: without sampling (input) and with (output). */
function usedSince(progress: Progress, { loaded }: GenerateContext) {
  return loaded.sequence.tokenMeter.diff(progress.meter);
}

/** Prompt figures as evaluated: the first sampled token's evaluation is that of the prompt's last token. */
function promptFigures(progress: Progress, context: GenerateContext) {
  const { reusedTokens } = progress;
  const { usedInputTokens, usedOutputTokens: generatedTokens } = usedSince(progress, context);
  const readTokens = usedInputTokens + Math.min(1, generatedTokens);
  // Stopped while it was read: the prompt is as long as it was rendered.
  const promptTokens = generatedTokens > 0 ? reusedTokens + readTokens : progress.promptTokens;
  return { promptTokens, readTokens, reusedTokens, generatedTokens, ...progress.prompt };
}

function contextDetails(progress: Progress, { loaded }: GenerateContext) {
  return { promptTokens: progress.promptTokens, contextSize: loaded.context.contextSize };
}

function statsOf(
  progress: Progress,
  stopReason: StopReason,
  sampling: Sampling,
  context: GenerateContext,
): GenerationStats {
  const figures = promptFigures(progress, context);
  const { firstTokenMs, lastTokenMs } = progress;
  const decodeMs =
    firstTokenMs === null || lastTokenMs === null ? 0 : Math.max(0, lastTokenMs - firstTokenMs);
  const isTimed = figures.generatedTokens > 1 && decodeMs > 0;
  return {
    ...figures,
    ttftMs: firstTokenMs === null ? null : firstTokenMs - progress.startMs,
    prefillMs: progress.prefillMs,
    decodeMs,
    tokensPerSecond: isTimed ? ((figures.generatedTokens - 1) / decodeMs) * 1000 : null,
    loadMs: 0,
    stopReason,
    contextSize: context.loaded.context.contextSize,
    contextTokens: context.loaded.sequence.nextTokenIndex,
    seed: progress.seed,
    temperature: sampling.temperature,
    backend: context.backend,
    engineVersion: context.engineVersion,
  };
}

function failureOf(error: unknown): Extract<GenerateEvent, { type: 'done' }>['failure'] {
  if (!isAppError(error)) return { code: 'internal', details: undefined };
  return { code: error.code, details: error.data.details };
}
