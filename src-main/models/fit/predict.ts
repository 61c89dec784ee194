import type { Fit } from '../../contract/index.ts';
import { automaticLiveChats } from '../../engine/live-chats.ts';
import { affordsFullWindow } from '../../engine/window-cache.ts';
import type { ModelShape } from './model-shape.ts';
import {
  BATCH_TOKENS,
  kvCacheBytes,
  paddedContext,
  predictMemory,
  type CacheType,
  type LoadPlan,
  type MemoryNeed,
} from './predict-memory.ts';
import { predictSpeed } from './predict-speed.ts';
import type { MachineSpeed } from './speed-types.ts';

/** What the engine takes without the user's word (sidecar/model.ts). */
const DEFAULT_CONTEXT_SIZE = 8192;
/** An automatic context takes at most this share of the memory that is free after the weights (sidecar/memory.ts). */
const AUTOMATIC_SHARE = 0.5;
const MIN_AUTOMATIC_CONTEXT = 1024;

/** Above this share of what is free, little is left for other programs. */
const TIGHT_SHARE = 0.85;
/** Half of the library's padding: what it keeps free of a card when it chooses the layers (`vramPadding`). */
const cardPadding = (totalBytes: number) => Math.min(totalBytes * 0.08, 1.6 * 2 ** 30) / 2;

/** A chunk of text that is read takes about this long, in seconds (sidecar/prefill.ts). */
const CHUNK_SECONDS = 0.25;
const MIN_CHUNK_TOKENS = 16;

/** Half the width of a predicted speed before any answer was compared with its prediction. */
const USUAL_ERROR = 0.15;
const LEAST_ERROR = 0.05;
const LARGEST_ERROR = 0.4;
/** Added where the rate of another type had to stand in. */
const OTHER_TYPE_ERROR = 0.15;

/** What this computer has, after what is loaded now has been unloaded. */
export interface FitMachine {
  ramFreeBytes: number;
  /** null without a graphics card that the engine uses. */
  vram: { freeBytes: number; totalBytes: number } | null;
  /** Types that the processor's kernels want rearranged. */
  repacked: ReadonlySet<string>;
  /** null while not measured. */
  speed: MachineSpeed | null;
  /** Real speed over predicted, of other models here, and how far those were off. */
  correction: { decode: number; read: number; error: number } | null;
}

export interface FitWish {
  /** null: what the app would choose. */
  contextSize: number | null;
  gpuLayers: number | null;
  flashAttention: boolean;
  cacheType: CacheType;
  /** Chats in memory at once. */
  liveChats: number | null;
  /** A model that guesses for this one, and is loaded with it. */
  draft?: ModelShape | null;
}

/** Medians of real answers of this very file, tokens a second. */
export interface MeasuredSpeed {
  decode: number;
  read: number | null;
}

/** How a model would sit in this computer's memory, and how fast it would be. Pure. */
export function predictFit(
  shape: ModelShape,
  machine: FitMachine,
  wish: FitWish,
  measured: MeasuredSpeed | null = null,
): Fit {
  const contextForCard = wish.contextSize ?? DEFAULT_CONTEXT_SIZE;
  const plan = (
    contextSize: number,
    gpuLayers: number,
    { liveChats = wish.liveChats ?? 1, fullWindow = false } = {},
  ): LoadPlan => ({
    contextSize,
    gpuLayers,
    liveChats,
    flashAttention: wish.flashAttention,
    cacheType: wish.cacheType,
    fullWindow,
    chunkTokens: chunkTokens(shape, machine.speed, gpuLayers),
    repacked: machine.repacked,
  });
  const gpuLayers = machine.vram
    ? (wish.gpuLayers ?? chooseGpuLayers(shape, machine.vram, (layers) => plan(contextForCard, layers)))
    : 0;
  const contextSize = paddedContext(
    wish.contextSize ?? chooseContext(shape, machine, plan(DEFAULT_CONTEXT_SIZE, gpuLayers)),
    shape.trainedContextSize,
  );
  const oneWith = (fullWindow: boolean) =>
    predictMemory(shape, plan(contextSize, gpuLayers, { liveChats: 1, fullWindow }));
  const fullWindow = shape.windowTokens !== null && keepsFullWindow(oneWith(true), machine);
  const needOf = (liveChats: number) =>
    predictMemory(shape, plan(contextSize, gpuLayers, { liveChats, fullWindow }));
  const { draft = null } = wish;
  const takesDraft = draft !== null && canTakeBack(shape, fullWindow);
  const { liveChats, need } =
    (takesDraft && needWithDraft(needOf, draft, { machine, wish, plan: plan(contextSize, gpuLayers) })) ||
    needAlone(needOf, wish, machine);
  const ram = { neededBytes: sum(need.ram), mappedBytes: need.mappedBytes, freeBytes: machine.ramFreeBytes };
  const vram = machine.vram && { neededBytes: sum(need.vram), freeBytes: machine.vram.freeBytes };
  const speeds = measured ? measuredSpeeds(measured) : predictedSpeeds(shape, machine, gpuLayers);
  return {
    contextSize,
    trainedContextSize: shape.trainedContextSize,
    layerCount: shape.layerCount,
    gpuLayers: Math.min(gpuLayers, shape.layerCount + 1),
    weightsBytes: whole(need.ram.weightsBytes + need.mappedInUseBytes + need.vram.weightsBytes),
    liveChats,
    kvCacheBytes: whole(need.ram.kvCacheBytes + need.vram.kvCacheBytes),
    buffersBytes: whole(need.ram.buffersBytes + need.vram.buffersBytes),
    vram,
    ram,
    verdict: verdictOf(need, { ram, vram, isAllOnCard: gpuLayers > shape.layerCount }),
    ...speeds,
    isMeasured: measured !== null,
  };
}

type NeedOf = (liveChats: number) => MemoryNeed;
interface ChatsAndNeed {
  liveChats: number;
  need: MemoryNeed;
}

function needAlone(needOf: NeedOf, { liveChats: wanted }: FitWish, machine: FitMachine): ChatsAndNeed {
  const liveChats =
    wanted === null ? chooseLiveChats(needOf(1), machine) : fitLiveChats(wanted, needOf, machine);
  return { liveChats, need: needOf(liveChats) };
}

/** Null where the loader goes without the draft: it is larger than the free memory, or has no room on the card. */
function needWithDraft(
  needOf: NeedOf,
  draft: ModelShape,
  { machine, wish, plan }: { machine: FitMachine; wish: FitWish; plan: LoadPlan },
): ChatsAndNeed | null {
  const draftOf: NeedOf = (liveChats) => draftNeed(draft, { ...plan, liveChats });
  // Its weights are there before the contexts are made.
  const { liveChats, need: own } = needAlone(needOf, wish, without(machine, draftOf(1)));
  const its = draftOf(liveChats);
  if (draft.sizeBytes > machine.ramFreeBytes - own.ram.weightsBytes) return null;
  if (machine.vram && sum(own.vram) + sum(its.vram) > machine.vram.freeBytes) return null;
  return { liveChats, need: joined(own, its) };
}

/** The same of the sidecar (sidecar/guesses.ts). */
function canTakeBack({ layers, windowTokens }: ModelShape, isFullWindow: boolean): boolean {
  return layers.every(({ stateBytes }) => stateBytes === 0) && (windowTokens === null || isFullWindow);
}

/** As the sidecar loads it (sidecar/draft-model.ts): on the card where the model uses it. Pure. */
export function draftNeed(draft: ModelShape, plan: LoadPlan): MemoryNeed {
  const gpuLayers = plan.gpuLayers === 0 ? 0 : draft.layerCount + 1;
  const contextSize = Math.min(plan.contextSize, draft.trainedContextSize ?? plan.contextSize);
  return predictMemory(draft, { ...plan, contextSize, gpuLayers, cacheType: 'f16', fullWindow: true });
}

/** Of two models in one process. Pure. */
export function joined(one: MemoryNeed, other: MemoryNeed): MemoryNeed {
  const both = (left: MemoryNeed['ram'], right: MemoryNeed['ram']): MemoryNeed['ram'] => ({
    weightsBytes: left.weightsBytes + right.weightsBytes,
    kvCacheBytes: left.kvCacheBytes + right.kvCacheBytes,
    buffersBytes: left.buffersBytes + right.buffersBytes,
  });
  return {
    ram: both(one.ram, other.ram),
    mappedBytes: one.mappedBytes + other.mappedBytes,
    mappedInUseBytes: one.mappedInUseBytes + other.mappedInUseBytes,
    vram: both(one.vram, other.vram),
  };
}

/** The largest number of layers that leaves the library's padding free. */
function chooseGpuLayers(
  shape: ModelShape,
  vram: NonNullable<FitMachine['vram']>,
  plan: (gpuLayers: number) => LoadPlan,
): number {
  const room = vram.freeBytes - cardPadding(vram.totalBytes);
  let layers = shape.layerCount + 1;
  while (layers > 0 && sum(predictMemory(shape, plan(layers)).vram) > room) layers -= 1;
  return layers;
}

/** `fitContextSize` of the sidecar: halves until the cache takes no more than its share. */
function chooseContext(shape: ModelShape, machine: FitMachine, plan: LoadPlan): number {
  const wanted = Math.min(DEFAULT_CONTEXT_SIZE, shape.trainedContextSize ?? DEFAULT_CONTEXT_SIZE);
  const { ram } = predictMemory(shape, plan);
  const share = Math.max(0, machine.ramFreeBytes - ram.weightsBytes) * AUTOMATIC_SHARE;
  const cpuLayers = shape.layerCount - Math.min(shape.layerCount, Math.max(0, plan.gpuLayers - 1));
  for (let size = wanted; size > MIN_AUTOMATIC_CONTEXT; size = Math.ceil(size / 2))
    if (kvCacheBytes(shape, { ...plan, contextSize: size }, 0, cpuLayers) <= share) return size;
  return Math.min(wanted, MIN_AUTOMATIC_CONTEXT);
}

/** `fitsFullWindow` of the sidecar: after the weights. */
function keepsFullWindow({ ram, vram }: MemoryNeed, machine: FitMachine): boolean {
  return affordsFullWindow(
    { ramBytes: ram.kvCacheBytes, vramBytes: vram.kvCacheBytes },
    {
      ramBytes: machine.ramFreeBytes - ram.weightsBytes,
      vramBytes: (machine.vram?.freeBytes ?? 0) - vram.weightsBytes,
    },
  );
}

/** `fitSequences` of the sidecar: after the weights and one context. */
function chooseLiveChats({ ram, vram }: MemoryNeed, machine: FitMachine): number {
  return automaticLiveChats(
    { ramBytes: ram.kvCacheBytes, vramBytes: vram.kvCacheBytes },
    {
      ramBytes: machine.ramFreeBytes - ram.weightsBytes,
      vramBytes: (machine.vram?.freeBytes ?? 0) - vram.weightsBytes,
    },
  );
}

/** `fitSequences` of the sidecar, for a number that was asked for: as many as have room, and one at the least. */
function fitLiveChats(
  wanted: number,
  needOf: (liveChats: number) => MemoryNeed,
  machine: FitMachine,
): number {
  for (let liveChats = wanted; liveChats > 1; liveChats -= 1) {
    const { ram, vram } = needOf(liveChats);
    const share = Math.max(0, machine.ramFreeBytes - ram.weightsBytes) * AUTOMATIC_SHARE;
    const vramFree = Math.max(0, (machine.vram?.freeBytes ?? 0) - vram.weightsBytes);
    if (contextBytes(ram) <= share && contextBytes(vram) <= vramFree) return liveChats;
  }
  return 1;
}

const contextBytes = ({ kvCacheBytes: cache, buffersBytes }: MemoryNeed['ram']): number =>
  cache + buffersBytes;

/** What is left of it beside the weights of a draft. */
function without(machine: FitMachine, { ram, vram }: MemoryNeed): FitMachine {
  return {
    ...machine,
    ramFreeBytes: machine.ramFreeBytes - ram.weightsBytes,
    vram: machine.vram && { ...machine.vram, freeBytes: machine.vram.freeBytes - vram.weightsBytes },
  };
}

function chunkTokens(shape: ModelShape, speed: MachineSpeed | null, gpuLayers: number): number {
  const readSeconds = speed && predictSpeed(shape, speed, { gpuLayers })?.readSeconds;
  // On a processor whose speed is not known, a slow one's: the difference is small beside the weights.
  if (!readSeconds) return MIN_CHUNK_TOKENS * 4;
  return Math.round(Math.min(BATCH_TOKENS, Math.max(MIN_CHUNK_TOKENS, CHUNK_SECONDS / readSeconds)));
}

function verdictOf(
  need: MemoryNeed,
  { ram, vram, isAllOnCard }: { ram: Fit['ram']; vram: Fit['vram']; isAllOnCard: boolean },
): Fit['verdict'] {
  // Pages that every token is computed from must find room too, or each is read from the disk.
  const ramShare = (ram.neededBytes + need.mappedInUseBytes) / Math.max(1, ram.freeBytes);
  const vramShare = vram ? vram.neededBytes / Math.max(1, vram.freeBytes) : 0;
  if (ramShare > 1 || vramShare > 1) return 'does_not_fit';
  if (vram && !isAllOnCard) return 'partly';
  return Math.max(ramShare, vramShare) > TIGHT_SHARE ? 'tight' : 'fits';
}

function measuredSpeeds({ decode, read }: MeasuredSpeed): Pick<Fit, 'decode' | 'prefill'> {
  return {
    decode: { low: decode, high: decode },
    prefill: read === null ? null : { low: read, high: read },
  };
}

function predictedSpeeds(
  shape: ModelShape,
  { speed, correction }: FitMachine,
  gpuLayers: number,
): Pick<Fit, 'decode' | 'prefill'> {
  const times = speed && predictSpeed(shape, speed, { gpuLayers });
  if (!times) return { decode: null, prefill: null };
  const observed = correction
    ? Math.min(LARGEST_ERROR, Math.max(LEAST_ERROR, correction.error))
    : USUAL_ERROR;
  const error = observed + (times.isTypeMeasured ? 0 : OTHER_TYPE_ERROR);
  const range = (perSecond: number) => ({ low: perSecond * (1 - error), high: perSecond * (1 + error) });
  return {
    decode: range((correction?.decode ?? 1) / times.decodeSeconds),
    prefill: times.readSeconds === null ? null : range((correction?.read ?? 1) / times.readSeconds),
  };
}

function sum({ weightsBytes, kvCacheBytes: cache, buffersBytes }: MemoryNeed['ram']): number {
  return whole(weightsBytes + cache + buffersBytes);
}

/** A header can claim any size; what it comes to is still a number that the contract takes. */
function whole(bytes: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, Math.round(bytes));
}
