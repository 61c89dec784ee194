import { GgmlType, GgufInsights, readGgufFileInfo, type Llama, type LlamaModel } from 'node-llama-cpp';
import { appError, type EngineState } from '../../contract/index.ts';
import { automaticLiveChats } from '../live-chats.ts';
import { affordsFullWindow } from '../window-cache.ts';
import { adapterBytes } from './adapters.ts';
import type { LoadInput } from './contract.ts';

/**
 * Types that llama.cpp rearranges for the CPU: a copy in memory that cannot be given back. Other types are used
 * where the file is mapped, and may be larger than the memory.
 */
const REPACKED = new Set<GgmlType | undefined>([
  GgmlType.Q4_0,
  GgmlType.Q8_0,
  GgmlType.Q2_K,
  GgmlType.Q4_K,
  GgmlType.Q5_K,
  GgmlType.Q6_K,
  GgmlType.IQ4_NL,
]);
/** Embeddings and norms are not copied; what is left of a file at the least. */
const REPACKED_SHARE = 0.85;

/** An automatic context leaves half of the free memory to everything else on the machine. */
const AUTOMATIC_SHARE = 0.5;
/** An automatic context is not made smaller than this for the sake of other programs. */
const MIN_AUTOMATIC_CONTEXT = 1024;

/** How a context keeps its keys and values. */
export interface CacheOptions {
  experimentalKvCacheKeyType: GgmlType;
  experimentalKvCacheValueType: GgmlType;
  /** Layers with a sliding window keep the whole context. */
  swaFullCache: boolean;
}

/** The same in the words of an estimate. */
const estimateOf = ({
  experimentalKvCacheKeyType,
  experimentalKvCacheValueType,
  swaFullCache,
}: CacheOptions) => ({
  kvCacheKeyType: experimentalKvCacheKeyType,
  kvCacheValueType: experimentalKvCacheValueType,
  swaFullCache,
});

/** What a load may use at the most, in bytes: memory free or given back at once, swap, and VRAM. */
async function usableBytes(llama: Llama): Promise<number> {
  const swap = await llama.getSwapState();
  const vram = llama.gpu === false ? null : await llama.getVramState();
  const swapFree = Math.max(0, finite(swap.allocated) - swap.used);
  return Math.floor(process.availableMemory() + swapFree + (vram ? Math.max(0, vram.free) : 0));
}

const finite = (value: number): number => (Number.isFinite(value) ? value : 0);

/**
 * Refuses a load that cannot end well: the part that must stay in memory is larger than everything there is.
 * Anything closer is left to llama.cpp, which knows better than an estimate.
 * @throws model_not_enough_memory with `needBytes` and `freeBytes`
 */
export async function refuseImpossibleLoad(llama: Llama, input: LoadInput): Promise<void> {
  const freeBytes = await usableBytes(llama);
  const needBytes = Math.ceil(input.sizeBytes * REPACKED_SHARE) + adapterBytes(input.adapters);
  if (needBytes <= freeBytes) return;
  const info = await readGgufFileInfo(input.path, { sourceType: 'filesystem', logWarnings: false });
  const insights = await GgufInsights.from(info, llama);
  if (REPACKED.has(insights.dominantTensorType))
    throw appError('model_not_enough_memory', { needBytes, freeBytes });
}

/**
 * The largest of `wanted`, its half, its quarter and so on, in tokens, whose context takes no more than its
 * share of the free memory.
 */
export async function fitContextSize(
  model: LlamaModel,
  wanted: number,
  cache: CacheOptions,
): Promise<number> {
  const shareBytes = process.availableMemory() * AUTOMATIC_SHARE;
  for (let size = wanted; size > MIN_AUTOMATIC_CONTEXT; size = Math.ceil(size / 2)) {
    const need = await model.fileInsights.estimateContextResourceRequirementsV2({
      contextSize: size,
      modelGpuLayers: model.gpuLayers,
      ...estimateOf(cache),
    });
    if (need.cpuRam <= shareBytes) return size;
  }
  return Math.min(wanted, MIN_AUTOMATIC_CONTEXT);
}

/**
 * How many sequences of this context size have room, at most `wanted`: the cache is as large as that of one context
 * times their number. At least one, which is for llama.cpp to refuse.
 * @param wanted null: as many as {@link automaticLiveChats} says
 */
export async function fitSequences(
  model: LlamaModel,
  contextSize: number,
  wanted: number | null,
  cache: CacheOptions,
): Promise<number> {
  if (wanted !== null && wanted <= 1) return 1;
  const { llama } = model;
  const availableBytes = process.availableMemory();
  const vramBytes = llama.gpu === false ? 0 : (await llama.getVramState()).free;
  const needOf = async (sequences: number) => {
    const { cpuRam, gpuVram } = await model.fileInsights.estimateContextResourceRequirementsV2({
      contextSize,
      sequences,
      modelGpuLayers: model.gpuLayers,
      ...estimateOf(cache),
    });
    return { ramBytes: cpuRam, vramBytes: gpuVram };
  };
  if (wanted === null) {
    const [one, two] = [await needOf(1), await needOf(2)];
    const each = { ramBytes: two.ramBytes - one.ramBytes, vramBytes: two.vramBytes - one.vramBytes };
    return automaticLiveChats(each, { ramBytes: availableBytes, vramBytes });
  }
  for (let sequences = wanted; sequences > 1; sequences -= 1) {
    const need = await needOf(sequences);
    if (need.ramBytes <= availableBytes * AUTOMATIC_SHARE && need.vramBytes <= vramBytes) return sequences;
  }
  return 1;
}

/** What a token takes in the cache, in RAM and VRAM together; null when that cannot be told. */
export async function cacheBytesPerToken(
  model: LlamaModel,
  contextSize: number,
  cache: CacheOptions,
): Promise<number | null> {
  const needOf = async (sequences: number) => {
    const { cpuRam, gpuVram } = await model.fileInsights.estimateContextResourceRequirementsV2({
      contextSize,
      sequences,
      modelGpuLayers: model.gpuLayers,
      ...estimateOf(cache),
    });
    return cpuRam + gpuVram;
  };
  try {
    const bytes = (await needOf(2)) - (await needOf(1));
    return bytes > 0 ? bytes / contextSize : null;
  } catch {
    return null;
  }
}

/** Whether a model with a sliding window may keep the whole context; false for one without. */
export async function fitsFullWindow(
  model: LlamaModel,
  contextSize: number,
  cache: CacheOptions,
): Promise<boolean> {
  const { llama, fileInsights } = model;
  if (fileInsights.swaSize === undefined) return false;
  const vramBytes = llama.gpu === false ? 0 : (await llama.getVramState()).free;
  const need = await fileInsights.estimateContextResourceRequirementsV2({
    contextSize,
    modelGpuLayers: model.gpuLayers,
    ...estimateOf({ ...cache, swaFullCache: true }),
  });
  return affordsFullWindow(
    { ramBytes: need.cpuRam, vramBytes: need.gpuVram },
    { ramBytes: process.availableMemory(), vramBytes },
  );
}

/** What a context of this size would need, for the text of an error; null when that cannot be told. */
export async function contextNeed(
  llama: Llama,
  model: LlamaModel,
  contextSize: number,
): Promise<{ needBytes: number; freeBytes: number } | null> {
  try {
    const need = await model.fileInsights.estimateContextResourceRequirementsV2({
      contextSize,
      modelGpuLayers: model.gpuLayers,
    });
    return { needBytes: Math.ceil(need.cpuRam + need.gpuVram), freeBytes: await usableBytes(llama) };
  } catch {
    return null;
  }
}

/** The figures of the engine state, measured now. */
export async function readMemory(llama: Llama | null): Promise<NonNullable<EngineState['memory']>> {
  const vram = llama && llama.gpu !== false ? await llama.getVramState() : null;
  return {
    processBytes: process.memoryUsage.rss(),
    vramUsedBytes: vram ? Math.round(vram.used) : null,
    vramTotalBytes: vram ? Math.round(vram.total) : null,
  };
}
