import { openSync, readSync, closeSync } from 'node:fs';
import type {
  Llama,
  LlamaContext,
  LlamaContextOptions,
  LlamaContextSequence,
  LlamaModel,
} from 'node-llama-cpp';
import { appError, type EngineState } from '../../contract/index.ts';
import { adapterDamaged, checkAdapters, isAdapterFailure } from './adapters.ts';
import { branchCosts } from './branches.ts';
import type { LoadInput } from './contract.ts';
import { DraftModel } from './draft-model.ts';
import { canTakeBack, Guesses, guessesOf } from './guesses.ts';
import { mapLoadFailure } from './load-errors.ts';
import type { NativeLog } from './log.ts';
import {
  cacheBytesPerToken,
  contextNeed,
  fitContextSize,
  fitsFullWindow,
  fitSequences,
  refuseImpossibleLoad,
  type CacheOptions,
} from './memory.ts';
import { ReadingSpeed, type ChunkSample } from './prefill.ts';
import { movesSystemPrompt } from './prompt.ts';
import { Sequences } from './sequences.ts';
import { readTemplate, type ChatTemplate } from './template.ts';
import { rememberTokens } from './token-cache.ts';
import {
  CACHE_TYPES,
  knownThreads,
  MAX_CACHE_DIVERGENCE,
  measureCacheDivergence,
  measureThreads,
} from './tune.ts';

/** Without the user's word no more: larger contexts cost memory and are rarely filled. */
const DEFAULT_CONTEXT_SIZE = 8192;
/**
 * Ways back for models that cannot cut their cache (sliding window, recurrent). One may take 100 MB; the newest
 * are kept.
 */
const CHECKPOINTS = { max: 8, maxMemory: 512 * 1024 * 1024 };
/** Progress is shown, not measured: ten steps a second are smooth. */
const PROGRESS_INTERVAL_MS = 100;

/** A model in memory with its sequences. */
export interface LoadedModel {
  readonly model: LlamaModel;
  readonly context: LlamaContext;
  readonly sequences: Sequences;
  readonly template: ChatTemplate;
  /** The system prompt goes into the first user message, see `movesSystemPrompt`. */
  readonly isSystemMerged: boolean;
  readonly tuning: Tuning;
  /** Guesses for it; null: none was asked for. */
  readonly draft: DraftModel | null;
  /** The last prefill chunk of this model: how fast it reads here. */
  lastChunk: ChunkSample | null;
  readonly readingSpeed: ReadingSpeed;
  /** What the cache takes; null when that cannot be told. */
  readonly bytesPerToken: number | null;
  /** Frees a sequence that is of no use any more, and puts an empty one in its place. */
  renew(sequence: LlamaContextSequence): Promise<LlamaContextSequence>;
}

/** What was found out about a model on this machine, or was known of it before. */
export type Tuning = NonNullable<EngineState['tuning']>;

/** What of it is measured. */
type MeasuredTuning = Omit<
  Tuning,
  'fullWindow' | 'draft' | 'draftModelId' | 'batchTokens' | 'wantedLiveChats'
>;

/** Steps of a load after the file was read, once a model and machine. */
export type TuningStep = NonNullable<EngineState['loadStep']>;

/**
 * Finds out what of this model is not known on this machine yet, in a few seconds.
 * @throws the signal's reason
 */
async function tune(
  model: LlamaModel,
  input: LoadInput,
  { signal, onStep }: { signal: AbortSignal; onStep: (step: TuningStep) => void },
): Promise<MeasuredTuning> {
  const cores = model.llama.cpuMathCores;
  const { measured, cacheType, sizeBytes } = input;
  let measuredThreads = measured?.threads ?? null;
  let threads = knownThreads({ threads: input.threads, measured: measuredThreads, sizeBytes, cores });
  // A card that holds all layers computes by itself.
  const isOnProcessor = model.gpuLayers < model.fileInsights.totalLayers;
  if (threads === null && isOnProcessor && measured) {
    onStep('threads');
    measuredThreads = await measureThreads(model, { cores, signal });
    threads = measuredThreads;
  }
  threads ??= Math.max(1, cores);
  let cacheDivergence = measured?.cacheDivergence ?? null;
  if (cacheType !== 'f16' && cacheDivergence === null && measured) {
    onStep('cache');
    const context = { threads, flashAttention: flashAttentionOf(input) };
    cacheDivergence = await measureCacheDivergence(model, { cacheType, context, signal });
  }
  const isGood = cacheDivergence !== null && cacheDivergence <= MAX_CACHE_DIVERGENCE;
  const used = isGood ? cacheType : 'f16';
  return { threads, measuredThreads, cacheType: used, wantedCacheType: cacheType, cacheDivergence };
}

const flashAttentionOf = ({ flashAttention }: LoadInput): boolean | 'auto' =>
  flashAttention === 'off' ? false : 'auto';

/** A file may have changed since the header parser accepted it; the first bytes tell the common cases apart. */
function checkFile(path: string): void {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    throw appError('model_file_missing', undefined, { cause });
  }
  try {
    const magic = Buffer.alloc(4);
    const length = readSync(file, magic, 0, 4, 0);
    if (length !== 4 || magic.toString('latin1') !== 'GGUF') throw appError('model_not_gguf');
  } finally {
    closeSync(file);
  }
}

/** Loads a file into llama.cpp and frees what a failed load had taken. */
export async function loadModel(
  llama: Llama,
  input: LoadInput,
  options: {
    log: NativeLog;
    signal: AbortSignal;
    onProgress: (progress: number) => void;
    onStep: (step: TuningStep) => void;
  },
): Promise<LoadedModel> {
  const { log, signal, onProgress, onStep } = options;
  log.clear();
  let model: LlamaModel | null = null;
  let draft: DraftModel | null = null;
  let contextSize = input.contextSize ?? DEFAULT_CONTEXT_SIZE;
  const liveChats = input.sequences ?? input.liveChats;
  try {
    checkFile(input.path);
    await refuseImpossibleLoad(llama, input);
    const target = await llama.loadModel({
      modelPath: input.path,
      gpuLayers: input.gpuLayers ?? { fitContext: { contextSize: contextSize * (liveChats ?? 1) } },
      defaultContextFlashAttention: flashAttentionOf(input),
      loadSignal: signal,
      onLoadProgress: throttled(onProgress),
    });
    model = target;
    await checkAdapters(input.adapters, target.fileInfo);
    draft = await DraftModel.open(llama, target, { input, signal });
    const tuning = await tune(target, input, { signal, onStep });
    const cacheTypes = CACHE_TYPES[tuning.cacheType];
    if (input.contextSize === null) {
      const wanted = Math.min(contextSize, target.trainContextSize);
      contextSize = await fitContextSize(target, wanted, { ...cacheTypes, swaFullCache: false });
    }
    const plan = { input, tuning, contextSize, liveChats, signal };
    const { context, cache } = await makeContext(target, plan).catch(async (error: unknown) => {
      if (!draft?.isOpen || signal.aborted || isAdapterFailure(error)) throw error;
      // It may have taken what the model itself needs.
      await draft.refuse('memory');
      return makeContext(target, plan);
    });
    if (!canTakeBack(target, cache.swaFullCache)) await draft?.refuse('not_possible');
    await draft?.addContext(context, tuning.threads);
    signal.throwIfAborted();
    const wantedLiveChats = input.liveChats;
    const { batchSize: batchTokens } = context;
    const facts = {
      fullWindow: cache.swaFullCache,
      draft: draft?.state ?? null,
      draftModelId: input.draft?.modelId ?? null,
      batchTokens,
      wantedLiveChats,
    };
    const bytesPerToken = await cacheBytesPerToken(target, context.contextSize, cache);
    return assemble({ model: target, context, draft, bytesPerToken }, input, { ...tuning, ...facts });
  } catch (error) {
    // The figures first: they need the model.
    const memory = model && !signal.aborted ? await contextNeed(llama, model, contextSize) : null;
    await draft?.dispose();
    await model?.dispose();
    if (signal.aborted) throw appError('aborted', undefined, { cause: error });
    if (isAdapterFailure(error)) throw adapterDamaged(error);
    throw mapLoadFailure({ error, lines: await log.settledLines(), memory });
  }
}

/** With the window and the sequences that there is room for. */
async function makeContext(
  model: LlamaModel,
  {
    input,
    tuning,
    contextSize,
    liveChats,
    signal,
  }: {
    input: LoadInput;
    tuning: MeasuredTuning;
    contextSize: number;
    liveChats: number | null;
    signal: AbortSignal;
  },
): Promise<{ context: LlamaContext; cache: CacheOptions }> {
  const cache: CacheOptions = { ...CACHE_TYPES[tuning.cacheType], swaFullCache: false };
  if (input.windowCache === 'auto') cache.swaFullCache = await fitsFullWindow(model, contextSize, cache);
  const context = await model.createContext({
    contextSize: input.contextSize === null ? { max: contextSize } : contextSize,
    ...cache,
    ...(input.batchTokens === null ? {} : { batchSize: input.batchTokens }),
    sequences: await fitSequences(model, contextSize, liveChats, cache),
    threads: tuning.threads,
    flashAttention: flashAttentionOf(input),
    createSignal: signal,
    ...(input.adapters.length > 0 ? { lora: loraOf(input) } : {}),
    // A context the user asked for by size is not made smaller behind his back; an adapter that is refused would
    // be tried with every smaller size.
    ...(input.contextSize === null && input.adapters.length === 0
      ? {}
      : { failedCreationRemedy: false as const }),
  });
  return { context, cache };
}

function loraOf({ adapters }: LoadInput): NonNullable<LlamaContextOptions['lora']> {
  return { adapters: adapters.map(({ path, scale }) => ({ filePath: path, scale })) };
}

/** @throws model_load_failed with `reason: chat_template` when the template cannot render a chat */
function assemble(
  {
    model,
    context,
    draft,
    bytesPerToken,
  }: Pick<LoadedModel, 'model' | 'context' | 'draft' | 'bytesPerToken'>,
  input: LoadInput,
  tuning: Tuning,
): LoadedModel {
  // A sequence would drop its oldest tokens when it is full; nothing is ever cut silently here.
  const strategy = () => {
    throw appError('context_full', { contextSize: context.contextSize });
  };
  rememberTokens(model);
  const canGuess = input.speculation === 'auto' && canTakeBack(model, tuning.fullWindow);
  const create = (guessing = canGuess ? (draft?.sequence() ?? null) : null) => {
    const sequence = context.getSequence({ contextShift: { strategy }, checkpoints: CHECKPOINTS });
    new Guesses(sequence, { canGuess, draft: guessing });
    return sequence;
  };
  const readingSpeed = new ReadingSpeed();
  const all = Array.from({ length: context.totalSequences }, () => create());
  const sequences = new Sequences(all, () =>
    branchCosts({ msPerToken: readingSpeed.msPerToken, bytesPerToken }),
  );
  try {
    const template = readTemplate(model, input.chatTemplate);
    const isSystemMerged = movesSystemPrompt(template.wrapper('auto'));
    return {
      model,
      context,
      sequences,
      template,
      isSystemMerged,
      tuning,
      draft,
      lastChunk: null,
      readingSpeed,
      bytesPerToken,
      async renew(sequence) {
        await sequence.dispose();
        const other = create(guessesOf(sequence)?.draft ?? null);
        sequences.replace(sequence, other);
        return other;
      },
    };
  } catch (cause) {
    throw appError('model_load_failed', { reason: 'chat_template' }, { cause, retryable: false });
  }
}

function throttled(report: (progress: number) => void): (progress: number) => void {
  let lastMs = Number.NEGATIVE_INFINITY;
  return (progress) => {
    const now = performance.now();
    if (now - lastMs < PROGRESS_INTERVAL_MS) return;
    lastMs = now;
    report(progress);
  };
}

/** Frees the model, its context and its sequences. */
export async function unloadModel(loaded: LoadedModel): Promise<void> {
  for (const sequence of loaded.sequences.all) await sequence.dispose();
  await loaded.context.dispose();
  await loaded.draft?.dispose();
  await loaded.model.dispose();
}
