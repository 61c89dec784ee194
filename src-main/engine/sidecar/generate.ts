import { LlamaChat, type LlamaChatResponse, type LlamaChatResponseChunk } from 'node-llama-cpp';
import { appError, isAppError, type Sampling, type StopReason } from '../../contract/index.ts';
import { takeSequence } from './branch-copy.ts';
import { withAnswer } from './branches.ts';
import { COALESCE_MS, COALESCE_ON_CPU_MS, Coalescer } from './coalesce.ts';
import type { GenerateEvent, GenerateInput } from './contract.ts';
import { failureOf, promptFigures, reuseFigures, statsOf, usedSince, type Progress } from './figures.ts';
import { countersOf, guessesOf } from './guesses.ts';
import type { LoadedModel } from './model.ts';
import { commonPrefixLength } from './prefill.ts';
import { renderPrompt, type Prompt } from './prompt.ts';
import { noteChunk, readInChunks } from './reading.ts';
import { restoreState } from './saved-state.ts';
import { reachablePrefix } from './sequences.ts';
import type { Thinking } from './thinking.ts';

/** The library's window for the repeat penalty, said explicitly because it is one of our defaults too. */
const REPEAT_PENALTY_TOKENS = 64;
const MAX_SEED = 0xffff_ffff;
/** Tokens before an answer's first that decide how that is spelt: white space, characters of several tokens. */
const TRAIL_TOKENS = 8;

/** What the process around a generation knows. */
export interface GenerateContext {
  readonly loaded: LoadedModel;
  readonly backend: string;
  readonly engineVersion: string;
  readonly emit: (event: GenerateEvent) => void;
  /** Fires when the user stops. */
  readonly signal: AbortSignal;
  readonly thinking: Thinking;
}

/** A generation that has its prompt and its sequence. */
interface Run extends GenerateContext {
  readonly prompt: Prompt;
  readonly sampling: Sampling;
  readonly isBackground: boolean;
  readonly progress: Progress;
}

/** Answers a chat. Ends with exactly one `done` event and never throws. */
export async function generate(input: GenerateInput, context: GenerateContext): Promise<void> {
  const startMs = performance.now();
  const { loaded, signal } = context;
  const { sampling } = input;
  let said = '';
  const emit = (event: GenerateEvent) => {
    if (event.type === 'chunk' && event.kind === 'answer') said += event.text;
    context.emit(event);
  };
  try {
    const prompt = renderPrompt(loaded, input);
    const promptTokens = prompt.tokens.length;
    const contextSize = loaded.context.contextSize;
    // The library needs room for one token more.
    if (promptTokens + 1 >= contextSize) throw appError('context_full', { promptTokens, contextSize });
    const { conversationId, isBackground = false } = input;
    while (isBackground && loaded.sequences.isCopying) await loaded.sequences.copied();
    const taken = isBackground
      ? loaded.sequences.takeInBackground(prompt.tokens, conversationId)
      : await takeSequence(loaded, prompt.tokens, {
          ...(conversationId === undefined ? {} : { conversationId }),
          turns: input.turns,
          isRestored: input.savedState !== undefined,
          copyPath: input.copyPath,
          copyMaxBytes: input.copyMaxBytes,
          copyFrom: input.copyFrom ?? [],
          signal,
          emit,
        });
    if (!taken) return emit({ type: 'done', stopReason: 'stopped', stats: null, failure: null });
    let sequence = taken;
    try {
      let restored = { tokens: 0, elapsedMs: 0 };
      if (input.savedState && !signal.aborted)
        ({ sequence, ...restored } = await restoreState(
          loaded,
          sequence,
          prompt.tokens,
          input.savedState,
          emit,
        ));
      const progress: Progress = {
        startMs,
        sequence,
        meter: sequence.tokenMeter.getState(),
        guesses: countersOf(sequence),
        seed: sampling.seed ?? Math.floor(Math.random() * (MAX_SEED + 1)),
        promptTokens,
        reusedTokens: 0,
        rereadTokens: 0,
        restored,
        prompt: null,
        leftTokens: 1,
        leftAtMs: startMs,
        prefillMs: 0,
        firstTokenMs: null,
        lastTokenMs: null,
      };
      await answer({ ...context, emit, prompt, sampling, isBackground, progress });
    } finally {
      if (isBackground) loaded.sequences.giveBackFromBackground(sequence);
      else loaded.sequences.giveBack(sequence, null, withAnswer(input.turns, said));
    }
  } catch (error) {
    emit({ type: 'done', stats: null, ...endOf(error, signal) });
  }
}

/** Ends with `done`, whatever happens. */
async function answer(run: Run): Promise<void> {
  const { emit, progress, sampling, signal } = run;
  const finish = (end: Pick<Done, 'stopReason' | 'failure'>) =>
    emit({ type: 'done', stats: statsOf(progress, end.stopReason, sampling, run), ...end });
  try {
    await readPrompt(run);
    finish({ stopReason: await decode(run), failure: null });
  } catch (error) {
    finish(endOf(error, signal));
  }
}

type Done = Extract<GenerateEvent, { type: 'done' }>;

function endOf(error: unknown, signal: AbortSignal): Pick<Done, 'stopReason' | 'failure'> {
  if (signal.aborted) return { stopReason: 'stopped', failure: null };
  const isFull = isAppError(error) && error.code === 'context_full';
  return { stopReason: isFull ? 'context_full' : 'failed', failure: failureOf(error) };
}

/**
 * Brings the sequence to the prompt: keeps what is the same, reads the rest in chunks that a stop can wait for,
 * and leaves the last chunk to the decoder, which needs a token to sample from.
 */
async function readPrompt({ loaded, emit, signal, prompt, isBackground, progress }: Run): Promise<void> {
  const { sequence } = progress;
  const { tokens } = prompt;
  const end = tokens.length - 1;
  signal.throwIfAborted();
  const reach = reachablePrefix(sequence, tokens.slice(0, end));
  progress.rereadTokens = commonPrefixLength(sequence.contextTokens, tokens.slice(0, end)) - reach;
  await sequence.adaptStateToTokens(tokens.slice(0, reach), false);
  const kept = sequence.nextTokenIndex;
  progress.reusedTokens = Math.max(0, kept - usedSince(progress).usedInputTokens);
  const total = tokens.length - kept;
  await readInChunks(loaded, sequence, tokens.slice(0, end), {
    signal,
    // A checkpoint has to lie at the end of the prompt: the way back to it, for another answer.
    leavesLast: !sequence.needsCheckpoints,
    // A send may come at any time, and waits for the chunk of a title.
    isAlone: () => !isBackground && loaded.sequences.inUse <= 1,
    onChunk: (position) => {
      const etaMs = readingEta(tokens.length - position, loaded);
      emit({ type: 'reading', done: position - kept, total, etaMs });
    },
    onRead: () => (progress.prefillMs = performance.now() - progress.startMs),
  });
  if (sequence.needsCheckpoints) await sequence.takeCheckpoint();
  progress.leftTokens = tokens.length - sequence.nextTokenIndex;
  progress.leftAtMs = performance.now();
}

function readingEta(left: number, { lastChunk }: LoadedModel): number | null {
  return lastChunk ? (left / lastChunk.tokens) * lastChunk.elapsedMs : null;
}

async function decode(run: Run): Promise<StopReason> {
  const { loaded, emit, signal, prompt, progress, sampling, thinking } = run;
  const coalescer = new Coalescer(
    (kind, text) => {
      emit({ type: 'chunk', kind, text, generatedTokens: usedSince(progress).usedOutputTokens });
    },
    run.backend === 'cpu' ? COALESCE_ON_CPU_MS : COALESCE_MS,
  );
  // At this count the context is full; one more would make the library cut the chat.
  const room = loaded.context.contextSize - progress.promptTokens;
  const maxTokens = Math.min(sampling.maxTokens ?? room, room);
  const full = new AbortController();
  guessesOf(progress.sequence)?.begin(sampling);
  const chat = new LlamaChat({ contextSequence: progress.sequence, chatWrapper: prompt.wrapper });
  const textOf = spelling(run);
  try {
    const response = await chat.generateResponse(prompt.history, {
      ...samplerOptions(sampling, progress.seed),
      maxTokens,
      signal: AbortSignal.any([signal, full.signal]),
      stopOnAbortSignal: true,
      budgets: thinking.budgets,
      onResponseChunk(chunk) {
        markRead(run);
        thinking.note(chunk);
        coalescer.add(chunk.type === 'segment' ? 'reasoning' : 'answer', textOf(chunk));
      },
      contextShift: {
        // Only reached when a template adds tokens on its own. A throw here would be swallowed by the library,
        // which then cuts the chat by itself; an abort stops it before it reads what it has cut.
        strategy: () => {
          const { contextSize } = loaded.context;
          full.abort(appError('context_full', { promptTokens: progress.promptTokens, contextSize }));
          return { chatHistory: [{ type: 'user', text: '' }] };
        },
      },
    });
    progress.lastTokenMs = performance.now();
    markRead(run);
    return stopReasonOf(response, { isFull: full.signal.aborted, isStopped: signal.aborted, sampling, room });
  } finally {
    progress.lastTokenMs ??= performance.now();
    coalescer.flush();
    chat.dispose();
    await guessesOf(progress.sequence)?.end();
  }
}

/** With the first token: how the prompt was read. */
function markRead({ loaded, progress, emit }: Run): void {
  // The start of a segment is told before anything was sampled.
  if (progress.prompt || usedSince(progress).usedOutputTokens === 0) return;
  const { promptTokens, readTokens, reusedTokens } = promptFigures(progress);
  progress.prompt = { promptTokens, readTokens };
  progress.firstTokenMs = performance.now();
  const { leftTokens, leftAtMs } = progress;
  if (leftTokens > 1) noteChunk(loaded, leftTokens, progress.firstTokenMs - leftAtMs);
  progress.prefillMs = progress.firstTokenMs - progress.startMs;
  const { prefillMs, seed } = progress;
  const reuse = reuseFigures(progress);
  emit({ type: 'read', promptTokens, reusedTokens, ...reuse, readTokens, prefillMs, seed });
}

/**
 * The text of a chunk. The library spells the first tokens of an answer as those of a text, without the space that
 * stands before a word; in an answer that goes on they follow another word.
 */
function spelling({ loaded, prompt }: Run): (chunk: LlamaChatResponseChunk) => string {
  let isFirst = prompt.isContinued;
  return (chunk) => {
    if (!isFirst || chunk.tokens.length === 0) return chunk.text;
    isFirst = false;
    return loaded.model.detokenize(chunk.tokens, false, prompt.tokens.slice(-TRAIL_TOKENS));
  };
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
