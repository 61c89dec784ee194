import type { PerLayer, ShapeFacts, Weights } from '../gguf-shape.ts';
import type { ModelHeader } from '../model-header.ts';
import { slidingWindowOf } from './sliding-window.ts';

/** What one layer keeps of the tokens it has read. */
export interface LayerCache {
  /** `window`: of the last tokens only; `full`: of the whole context. */
  reach: 'full' | 'window';
  /** Keys and values of one token together. */
  elementsPerToken: number;
  /** State of a fixed size beside them or in their place, in bytes. */
  stateBytes: number;
}

/** Everything that memory and speed are predicted from. Plain data. */
export interface ModelShape {
  sizeBytes: number;
  architecture: string;
  layerCount: number;
  embeddingLength: number;
  /** The widest layer's. */
  feedForwardLength: number;
  headCount: number;
  /** All heads' queries together. */
  attentionWidth: number;
  vocabularySize: number;
  mergeCount: number;
  trainedContextSize: number | null;
  /** Tokens that windowed layers keep; null without such layers. */
  windowTokens: number | null;
  layers: LayerCache[];
  weights: Weights;
  /** Share of the experts' weights that one token reads; 1 without experts. */
  expertShare: number;
  /**
   * False for architectures whose cache is laid out in a way that is not modelled here: memory is then the
   * most that it can be, and no speed is told.
   */
  isKnown: boolean;
}

/** Their caches hold other things than keys and values of heads (llama_model::create_memory). */
const UNKNOWN_CACHES = new Set([
  'deepseek4',
  'deepseek32',
  'glm-dsa',
  'dots3note',
  'minimax-m3',
  'minimax-01',
  'kimi-linear',
  'kimi-k3',
  'qwen4exp',
  'bailingmoe3',
  'nanbeige',
  't5',
]);
/** State only, no keys and values. */
const RECURRENT = /^(mamba|mamba2|rwkv\w*|arwkv7)$/u;
/** Some layers attend, the others have a state; which is which follows from the heads or from an interval. */
const HYBRID_BY_HEADS = new Set(['jamba', 'granitehybrid', 'lfm2', 'lfm2moe', 'plamo2']);
const HYBRID_BY_INTERVAL = new Set(['qwen3next', 'qwen35', 'qwen35moe']);
/** Default of the interval in the engine. */
const USUAL_INTERVAL = 4;
/** gemma3n: the first 20 layers have a cache, the others use it (n_layer_kv_from_start). */
const GEMMA_3N_CACHED_LAYERS = 20;
const STATE_ELEMENT_BYTES = 4;

/** Reads the shape from a checked header. Pure. Null when the header lacks what every model has. */
export function modelShape(header: ModelHeader, sizeBytes: number): ModelShape | null {
  const { architecture, shape: facts, layerCount, embeddingLength } = header;
  if (layerCount === null || embeddingLength === null || layerCount === 0 || layerCount > 512) return null;
  const window = slidingWindowOf(architecture, facts, layerCount);
  const layers = Array.from({ length: layerCount }, (_, layer) =>
    layerCache(header, layer, window?.isWindowed(layer) ?? false),
  );
  return {
    sizeBytes,
    architecture,
    layerCount,
    embeddingLength,
    feedForwardLength: largest(facts.feedForwardLength) ?? embeddingLength * 4,
    headCount: header.headCount ?? 1,
    attentionWidth: facts.keyLength === null ? embeddingLength : (header.headCount ?? 1) * facts.keyLength,
    vocabularySize: header.vocabularySize ?? 0,
    mergeCount: header.mergeCount,
    trainedContextSize: header.trainedContextSize,
    windowTokens: window && layers.some(({ reach }) => reach === 'window') ? window.tokens : null,
    layers,
    weights: header.weights,
    expertShare: expertShare(facts),
    isKnown: !UNKNOWN_CACHES.has(architecture) && header.weights.groups.every(({ type }) => type !== null),
  };
}

function layerCache(header: ModelHeader, layer: number, isWindowed: boolean): LayerCache {
  const { architecture, shape: facts, layerCount, embeddingLength, headCount } = header;
  const reach = isWindowed ? ('window' as const) : ('full' as const);
  const hasState = stateful(architecture, facts, layer);
  const stateBytes = hasState ? stateBytesOf(architecture, facts, embeddingLength ?? 0) : 0;
  const isShared = layer >= cachedLayers(architecture, facts, layerCount ?? 0);
  if (isShared || RECURRENT.test(architecture) || (hasState && architecture !== 'falcon-h1'))
    return { reach, elementsPerToken: 0, stateBytes };
  const heads = at(facts.kvHeadCounts, layer) ?? at(facts.headCounts, layer) ?? headCount ?? 0;
  const usual = headCount === null || headCount === 0 ? 0 : Math.floor((embeddingLength ?? 0) / headCount);
  const key = (isWindowed ? facts.keyLengthSwa : null) ?? facts.keyLength ?? usual;
  const value = (isWindowed ? facts.valueLengthSwa : null) ?? facts.valueLength ?? usual;
  // Latent attention keeps one compressed vector for both.
  const both = facts.keyLengthMla === null ? key + value : key;
  return { reach, elementsPerToken: heads * both, stateBytes };
}

function stateful(architecture: string, facts: ShapeFacts, layer: number): boolean {
  if (RECURRENT.test(architecture) || architecture === 'falcon-h1') return true;
  if (HYBRID_BY_HEADS.has(architecture)) return at(facts.kvHeadCounts, layer) === 0;
  if (HYBRID_BY_INTERVAL.has(architecture))
    return (layer + 1) % (facts.fullAttentionInterval ?? USUAL_INTERVAL) !== 0;
  if (architecture.startsWith('nemotron_h'))
    return at(facts.kvHeadCounts, layer) === 0 && at(facts.feedForwardLength, layer) === 0;
  return false;
}

/** `n_embd_r` and `n_embd_s` of llama-hparams.cpp, kept as 32-bit floats. */
function stateBytesOf(architecture: string, facts: ShapeFacts, embeddingLength: number): number {
  const { shortConvolutionCache, convolutionKernel, innerSize, stateSize, groupCount } = facts;
  if (shortConvolutionCache !== null && architecture.startsWith('lfm2'))
    return embeddingLength * Math.max(0, shortConvolutionCache - 1) * STATE_ELEMENT_BYTES;
  const inner = innerSize ?? 0;
  const state = stateSize ?? 0;
  const convolution = Math.max(0, (convolutionKernel ?? 0) - 1) * (inner + 2 * (groupCount ?? 0) * state);
  return (convolution + state * inner) * STATE_ELEMENT_BYTES;
}

function cachedLayers(architecture: string, facts: ShapeFacts, layerCount: number): number {
  if (architecture === 'gemma3n') return GEMMA_3N_CACHED_LAYERS;
  if (architecture === 'gemma4') return layerCount - (facts.sharedKvLayers ?? 0);
  return layerCount - (facts.nextnLayers ?? 0);
}

function expertShare({ expertCount, expertUsedCount }: ShapeFacts): number {
  const used = largest(expertUsedCount);
  return expertCount && used ? Math.min(1, used / expertCount) : 1;
}

function at(value: PerLayer | null, layer: number): number | null {
  return Array.isArray(value) ? (value[layer] ?? null) : value;
}

function largest(value: PerLayer | null): number | null {
  return Array.isArray(value) ? value.reduce((a, b) => Math.max(a, b), 0) : value;
}
