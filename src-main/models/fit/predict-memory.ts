import type { WeightGroup } from '../gguf-shape.ts';
import type { ModelShape } from './model-shape.ts';

/** Tokens that the library hands to the engine at a time. */
export const BATCH_TOKENS = 512;
/** The engine rounds the cells of a windowed cache up to this (llama-kv-cache-iswa.cpp). */
const WINDOW_CELLS_STEP = 256;
/** And the library the context (`contextSizePad`). */
const CONTEXT_STEP = 256;
/** Bytes of an element of keys and values: 16-bit floats, or 32 of 8 bits with a 16-bit scale. */
const CACHE_ELEMENT_BYTES = { f16: 2, q8_0: 34 / 32 };
export type CacheType = keyof typeof CACHE_ELEMENT_BYTES;
const FLOAT_BYTES = 4;
/** The mask of attention is kept as 16-bit floats. */
const MASK_BYTES = 2;

/**
 * The library's own: its objects, the parsed header, compiled code, and garbage that may or may not have been
 * collected. Measured on generated models with vocabularies of 2,000 to 128,000 tokens: 0 to 35 MB.
 */
const LIBRARY_BYTES = 20 * 2 ** 20;
/** Text, score and look-up tables of a token, in the engine and in JavaScript, and its place among candidates. */
const TOKEN_BYTES = 620;
/** Tables and garbage of more tokens than this take more each: measured on Gemma 3, which has 262,144 of them. */
const LARGE_VOCABULARY = 131_072;
const LARGE_TOKEN_BYTES = 1_100;
/** A pair that the tokenizer merges, in both: measured on the vocabularies of Llama 3 and Qwen 2. */
const MERGE_BYTES = 500;

/** Of a graphics card: what its driver keeps for a process before anything is loaded. */
const CARD_CONTEXT_BYTES = 350 * 2 ** 20;

/** How a model would be loaded. */
export interface LoadPlan {
  /** Tokens. */
  contextSize: number;
  /** Layers on the graphics card, the output counted as one more: 0 to layers + 1. */
  gpuLayers: number;
  flashAttention: boolean;
  cacheType: CacheType;
  /** Layers with a sliding window keep the whole context. */
  fullWindow: boolean;
  /** Chats in memory at once, each with a cache of its own. */
  liveChats: number;
  /** Tokens that are read at a time, at most {@link BATCH_TOKENS}: fewer where reading is slow. */
  chunkTokens: number;
  /** Types that are copied, see `repackedTypes`. */
  repacked: ReadonlySet<string>;
}

/** What the size of a cache depends on. */
export type CachePlan = Pick<LoadPlan, 'contextSize' | 'cacheType' | 'fullWindow'>;

/** Where the bytes would be, at full context. */
export interface MemoryNeed {
  /** In memory, and not given back: of the engine's process, beyond what it has without a model. */
  ram: { weightsBytes: number; kvCacheBytes: number; buffersBytes: number };
  /** Pages of the file: cached, and given back when others need them. */
  mappedBytes: number;
  /** The part of them that every token is computed from: without room for it each is read from the disk. */
  mappedInUseBytes: number;
  vram: { weightsBytes: number; kvCacheBytes: number; buffersBytes: number };
}

/** The context as the library makes it: a multiple of 256, but no larger than it was trained unless asked for. */
export function paddedContext(contextSize: number, trainedContextSize: number | null): number {
  const padded = Math.ceil(Math.max(2, contextSize) / CONTEXT_STEP) * CONTEXT_STEP;
  const wasCut = trainedContextSize !== null && contextSize <= trainedContextSize;
  return wasCut && padded >= trainedContextSize ? contextSize : padded;
}

/** Bytes of keys and values of one layer. Pure. */
function layerCacheBytes(
  shape: ModelShape,
  layer: number,
  { contextSize, cacheType, fullWindow }: CachePlan,
): number {
  const cache = shape.layers[layer];
  if (!cache) return 0;
  const cells = Math.ceil(contextSize / CONTEXT_STEP) * CONTEXT_STEP;
  // One more than a batch: the library asks for it where there are windows.
  const windowCells =
    Math.ceil(((shape.windowTokens ?? 0) + BATCH_TOKENS + 1) / WINDOW_CELLS_STEP) * WINDOW_CELLS_STEP;
  const kept = cache.reach === 'window' && !fullWindow ? Math.min(cells, windowCells) : cells;
  return kept * cache.elementsPerToken * CACHE_ELEMENT_BYTES[cacheType] + cache.stateBytes;
}

/** Bytes of keys, values and states of a range of layers, `from` included. Pure. */
export function kvCacheBytes(shape: ModelShape, plan: CachePlan, from = 0, to = shape.layerCount): number {
  let bytes = 0;
  for (let layer = from; layer < to; layer += 1) bytes += layerCacheBytes(shape, layer, plan);
  return bytes;
}

/**
 * What a model would take. Weights by the tensors' own sizes; caches by the engine's rules; buffers by the
 * largest tensors of one chunk. Pure.
 */
export function predictMemory(shape: ModelShape, plan: LoadPlan): MemoryNeed {
  const onCard = Math.max(0, Math.min(plan.gpuLayers, shape.layerCount + 1));
  const cpuLayers = shape.layerCount - Math.min(shape.layerCount, Math.max(0, onCard - 1));
  const isOutputOnCard = onCard > 0;
  const weights = splitWeights(shape, plan, { cpuLayers, isOutputOnCard });
  const isAllOnCard = onCard > shape.layerCount;
  return {
    ram: {
      weightsBytes: weights.copiedBytes,
      kvCacheBytes: plan.liveChats * kvCacheBytes(shape, plan, 0, cpuLayers),
      buffersBytes:
        libraryBytes(shape) +
        plan.liveChats * checkpointBytes(shape, plan) +
        (isAllOnCard ? 0 : computeBytes(shape, plan, plan.chunkTokens)),
    },
    mappedBytes: shape.sizeBytes,
    mappedInUseBytes: weights.mappedInUseBytes,
    vram:
      onCard === 0
        ? { weightsBytes: 0, kvCacheBytes: 0, buffersBytes: 0 }
        : {
            weightsBytes: weights.cardBytes,
            kvCacheBytes: plan.liveChats * kvCacheBytes(shape, plan, cpuLayers),
            // A card's buffers are all reserved, used or not.
            buffersBytes:
              CARD_CONTEXT_BYTES +
              computeBytes(shape, plan, BATCH_TOKENS) +
              BATCH_TOKENS * shape.vocabularySize * FLOAT_BYTES,
          },
  };
}

/** The engine's vocabulary and the library's objects. */
function libraryBytes({ vocabularySize, mergeCount }: ModelShape): number {
  const beyond = Math.max(0, vocabularySize - LARGE_VOCABULARY);
  const tokens = (vocabularySize - beyond) * TOKEN_BYTES + beyond * LARGE_TOKEN_BYTES;
  return LIBRARY_BYTES + tokens + mergeCount * MERGE_BYTES;
}

/** One answer takes two: at the end of the prompt and at its own. */
const CHECKPOINTS = 2;

/**
 * The ways back that a model needs which cannot cut its cache: copies of the windowed layers' part and of the
 * states.
 */
function checkpointBytes(shape: ModelShape, { contextSize, cacheType, fullWindow }: CachePlan): number {
  let bytes = 0;
  for (const { reach, elementsPerToken, stateBytes } of shape.layers) {
    bytes += stateBytes;
    if (reach === 'window' && !fullWindow)
      bytes +=
        Math.min(contextSize, shape.windowTokens ?? 0) * elementsPerToken * CACHE_ELEMENT_BYTES[cacheType];
  }
  return bytes * CHECKPOINTS;
}

/** Activations of one chunk: gate, up and their product beside the residual and its norms; attention's mask. */
function computeBytes(shape: ModelShape, plan: LoadPlan, chunkTokens: number): number {
  const { embeddingLength, feedForwardLength, headCount } = shape;
  const activations = chunkTokens * (3 * feedForwardLength + 6 * embeddingLength) * FLOAT_BYTES;
  const scores = plan.flashAttention ? 0 : headCount * FLOAT_BYTES;
  return activations + chunkTokens * plan.contextSize * (MASK_BYTES + scores);
}

interface WeightSplit {
  copiedBytes: number;
  mappedInUseBytes: number;
  cardBytes: number;
}

function splitWeights(
  shape: ModelShape,
  { repacked }: LoadPlan,
  { cpuLayers, isOutputOnCard }: { cpuLayers: number; isOutputOnCard: boolean },
): WeightSplit {
  const { groups, layerBytes } = shape.weights;
  const all = layerBytes.reduce((sum, bytes) => sum + bytes, 0);
  const onCpu = layerBytes.slice(0, cpuLayers).reduce((sum, bytes) => sum + bytes, 0);
  const cpuShare = all === 0 ? 1 : onCpu / all;
  const split: WeightSplit = { copiedBytes: 0, mappedInUseBytes: 0, cardBytes: 0 };
  const add = (group: WeightGroup, share: number) => {
    const copied = group.type !== null && repacked.has(group.type) ? group.alignedBytes : 0;
    split.copiedBytes += copied * share;
    split.mappedInUseBytes += (group.bytes - copied) * share;
    split.cardBytes += group.bytes * (1 - share);
  };
  for (const group of groups) {
    if (group.part === 'layers' || group.part === 'experts') add(group, cpuShare);
    // A row of it is looked up; the rest stays on the disk.
    else if (group.part !== 'embedding') add(group, isOutputOnCard ? 0 : 1);
  }
  for (const group of tiedOutput(groups)) add(group, isOutputOnCard ? 0 : 1);
  split.copiedBytes = Math.round(split.copiedBytes);
  split.mappedInUseBytes = Math.round(split.mappedInUseBytes);
  split.cardBytes = Math.round(split.cardBytes);
  return split;
}

/** Without an output matrix of its own a model uses the embedding once more, as a matrix. */
export function tiedOutput(groups: readonly WeightGroup[]): WeightGroup[] {
  if (groups.some(({ part }) => part === 'output')) return [];
  const embedding = groups.filter(({ part }) => part === 'embedding');
  // Where there are several, the largest is not it: embeddings per layer are looked up only.
  const [matrix] = embedding.toSorted((a, b) => a.bytes - b.bytes);
  return matrix ? [matrix] : [];
}
