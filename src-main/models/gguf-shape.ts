import type { GGUFTensorInfo, MetadataValue } from '@huggingface/gguf';
import { tensorBytes, tensorTypeName } from './gguf-tensors.ts';

/** What a weight is for: that decides when it is read, and whether the engine makes a copy of it. */
export type WeightPart = 'embedding' | 'output' | 'layers' | 'experts' | 'other';

/** All weights of one part and one type. */
export interface WeightGroup {
  part: WeightPart;
  /** `Q4_K` and the like; null for a type that is not known here. */
  type: string | null;
  bytes: number;
  elements: number;
  /** Bytes of matrices whose rows the engine can rearrange in eights (repack.cpp). */
  alignedBytes: number;
}

/** A number of the header that may be one for each layer. */
export type PerLayer = number | number[];

/** What the header says about layers, attention and state, as far as memory and speed follow from it. */
export interface ShapeFacts {
  feedForwardLength: PerLayer | null;
  headCounts: PerLayer | null;
  kvHeadCounts: PerLayer | null;
  keyLength: number | null;
  valueLength: number | null;
  /** Of layers with a sliding window, where they differ. */
  keyLengthSwa: number | null;
  valueLengthSwa: number | null;
  slidingWindow: number | null;
  /** A period, or for each layer whether it has the window. */
  slidingWindowPattern: PerLayer | null;
  /** Layers at the end that use the cache of an earlier one. */
  sharedKvLayers: number | null;
  /** Every so many layers one has attention; the others have a state of fixed size. */
  fullAttentionInterval: number | null;
  expertCount: number | null;
  expertUsedCount: PerLayer | null;
  /** Layers that only predict ahead; no part of a plain answer. */
  nextnLayers: number | null;
  /** Set for latent attention: keys are kept once for keys and values. */
  keyLengthMla: number | null;
  convolutionKernel: number | null;
  innerSize: number | null;
  stateSize: number | null;
  groupCount: number | null;
  shortConvolutionCache: number | null;
}

/** The weights of a file. */
export interface Weights {
  groups: WeightGroup[];
  /** Bytes of each layer, `blk.0` first. */
  layerBytes: number[];
}

const LAYER_NAME = /^blk\.(\d{1,4})\./u;
/** Looked up by token, not multiplied: one row is read, and nothing is rearranged. */
const LOOKED_UP = /^(token_embd|per_layer_token_embd|position_embd|token_types)\./u;
const OUTPUT_NAME = /^output\.weight$/u;
/** Only those of the experts that a token is sent to are read (`ffn_up_exps` and the like). */
const EXPERT_NAME = /_(ch)?exps\b/u;
const ROWS_TOGETHER = 8n;

/** Sums the tensors of a file by what they are for. Their infos are checked already. */
export function sumWeights(tensors: readonly GGUFTensorInfo[]): Weights {
  const groups = new Map<string, WeightGroup>();
  const layerBytes: number[] = [];
  for (const tensor of tensors) {
    const { name, dtype, shape } = tensor;
    const elements = Number(shape.reduce((product, size) => product * size, 1n));
    const bytes = tensorBytes(tensor) ?? 0;
    const layer = LAYER_NAME.exec(name)?.[1];
    const part = partOf(name, layer !== undefined);
    const type = tensorTypeName(dtype);
    const key = `${part} ${type}`;
    const group = groups.get(key) ?? { part, type, bytes: 0, elements: 0, alignedBytes: 0 };
    group.bytes += bytes;
    group.elements += elements;
    if (shape.length >= 2 && (shape[1] ?? 1n) > 1n && (shape[1] ?? 1n) % ROWS_TOGETHER === 0n)
      group.alignedBytes += bytes;
    groups.set(key, group);
    if (layer === undefined) continue;
    while (layerBytes.length <= Number(layer)) layerBytes.push(0);
    layerBytes[Number(layer)] = (layerBytes[Number(layer)] ?? 0) + bytes;
  }
  return { groups: [...groups.values()], layerBytes };
}

function partOf(name: string, isInLayer: boolean): WeightPart {
  if (isInLayer) return EXPERT_NAME.test(name) ? 'experts' : 'layers';
  if (LOOKED_UP.test(name)) return 'embedding';
  return OUTPUT_NAME.test(name) ? 'output' : 'other';
}

/** The weights of all parts of a split model. */
export function joinWeights(parts: readonly Weights[]): Weights {
  const groups = new Map<string, WeightGroup>();
  const layerBytes: number[] = [];
  for (const part of parts) {
    for (const group of part.groups) {
      const key = `${group.part} ${group.type}`;
      const sum = groups.get(key);
      if (!sum) groups.set(key, { ...group });
      else {
        sum.bytes += group.bytes;
        sum.elements += group.elements;
        sum.alignedBytes += group.alignedBytes;
      }
    }
    for (const [layer, bytes] of part.layerBytes.entries())
      layerBytes[layer] = (layerBytes[layer] ?? 0) + bytes;
  }
  return { groups: [...groups.values()], layerBytes: Array.from(layerBytes, (bytes) => bytes ?? 0) };
}

/** More would be refused by the engine (LLAMA_MAX_LAYERS). */
const MAX_LAYERS = 512;

/** Reads the facts under the architecture's own name. What is missing or makes no sense is null. */
export function shapeFacts(
  metadata: Readonly<Record<string, MetadataValue>>,
  architecture: string | null,
): ShapeFacts {
  const perLayer = (key: string) => perLayerOf(metadata[`${architecture}.${key}`]);
  const single = (key: string) => {
    const value = perLayer(key);
    return typeof value === 'number' ? value : null;
  };
  return {
    feedForwardLength: perLayer('feed_forward_length'),
    headCounts: perLayer('attention.head_count'),
    kvHeadCounts: perLayer('attention.head_count_kv'),
    keyLength: single('attention.key_length'),
    valueLength: single('attention.value_length'),
    keyLengthSwa: single('attention.key_length_swa'),
    valueLengthSwa: single('attention.value_length_swa'),
    slidingWindow: single('attention.sliding_window'),
    slidingWindowPattern: perLayer('attention.sliding_window_pattern'),
    sharedKvLayers: single('attention.shared_kv_layers'),
    fullAttentionInterval: single('full_attention_interval'),
    expertCount: single('expert_count'),
    expertUsedCount: perLayer('expert_used_count'),
    nextnLayers: single('nextn_predict_layers'),
    keyLengthMla: single('attention.key_length_mla'),
    convolutionKernel: single('ssm.conv_kernel'),
    innerSize: single('ssm.inner_size'),
    stateSize: single('ssm.state_size'),
    groupCount: single('ssm.group_count'),
    shortConvolutionCache: single('shortconv.l_cache'),
  };
}

function perLayerOf(value: MetadataValue | undefined): PerLayer | null {
  if (!Array.isArray(value)) return countOf(value);
  if (value.length > MAX_LAYERS) return null;
  const counts = value.map((item) => countOf(item));
  return counts.every((count) => count !== null) ? counts : null;
}

function countOf(value: unknown): number | null {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value !== 'number' && typeof value !== 'bigint') return null;
  const count = Number(value);
  return Number.isSafeInteger(count) && count >= 0 ? count : null;
}
