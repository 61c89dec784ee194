import type { WeightGroup } from '../gguf-shape.ts';
import type { ModelShape } from './model-shape.ts';
import { tiedOutput } from './predict-memory.ts';
import type { MachineSpeed, PlaceSpeed, TypeRate } from './speed-types.ts';

/** Tokens in the context that a speed is told for: a chat of a few turns. */
export const USUAL_DEPTH = 512;
/** Tokens that are read together share the keys and values: measured, twice the rate of one alone. */
const READ_TOGETHER = 2;
/** Keys and values are half-precision numbers. */
const CACHE_ELEMENT_BYTES = 2;

/**
 * Where a type was not measured, the nearest in build that was, best first: its rate by bytes is that of the
 * other. Types with look-up tables take about half as long again for a byte.
 */
const ALIKE: Readonly<Record<string, readonly string[]>> = {
  Q4_0: ['Q4_K', 'Q8_0'],
  Q4_1: ['Q8_0', 'Q6_K'],
  Q5_0: ['Q6_K', 'Q8_0'],
  Q5_1: ['Q6_K', 'Q8_0'],
  Q8_0: ['Q6_K', 'Q4_K'],
  Q2_K: ['Q6_K', 'Q4_K'],
  Q3_K: ['Q6_K', 'Q4_K'],
  Q4_K: ['Q4_0', 'Q6_K'],
  Q5_K: ['Q6_K', 'Q4_K'],
  Q6_K: ['Q8_0', 'Q4_K'],
  IQ4_NL: ['Q4_0', 'Q4_K'],
  IQ4_XS: ['Q6_K', 'Q4_K'],
  MXFP4: ['Q4_0', 'Q4_K'],
  F16: ['Q8_0', 'Q4_K'],
  BF16: ['F16', 'Q8_0'],
  F32: ['F16', 'Q8_0'],
};
const LOOK_UP_TYPES = /^(IQ[123]|TQ|NVFP4|Q[12]_0$|IQ4_XS)/u;
const LOOK_UP_FACTOR = 1 / 1.5;

/** Seconds of one token. */
export interface TokenTimes {
  decodeSeconds: number;
  /** Of a token of a longer text that is read; null where reading was not measured. */
  readSeconds: number | null;
  /** False when the rate of another type stands for the one that holds most weights. */
  isTypeMeasured: boolean;
}

/** The rate of a type, and whether it is its own. Pure. */
export function rateOf(place: PlaceSpeed, type: string | null): { rate: TypeRate; isOwn: boolean } | null {
  const own = type === null ? undefined : place.rates[type];
  if (own) return { rate: own, isOwn: true };
  const names = [...((type !== null && ALIKE[type]) || []), 'Q6_K', 'Q4_K', 'Q8_0', 'Q4_0', 'F16'];
  const rate = names.map((name) => place.rates[name]).find((known) => known !== undefined);
  if (!rate) return null;
  const factor = type !== null && LOOK_UP_TYPES.test(type) ? LOOK_UP_FACTOR : 1;
  return {
    rate: {
      decodeBytesPerSecond: rate.decodeBytesPerSecond * factor,
      readWeightsPerSecond: rate.readWeightsPerSecond && rate.readWeightsPerSecond * factor,
    },
    isOwn: false,
  };
}

/**
 * Time of one token: every weight that it is computed from is read once, at the measured rate of its type and
 * place, and so are the keys and values of what came before. Pure.
 * @param gpuLayers layers on the graphics card, the output counted as one more
 * @returns null when nothing was measured that this could be told from
 */
export function predictSpeed(
  shape: ModelShape,
  speed: MachineSpeed,
  { gpuLayers, depth = USUAL_DEPTH }: { gpuLayers: number; depth?: number },
): TokenTimes | null {
  if (!shape.isKnown) return null;
  const card = gpuLayers > 0 ? speed.card : null;
  const onCard = card ? Math.max(0, Math.min(gpuLayers - 1, shape.layerCount)) : 0;
  const cardShare = onCard / shape.layerCount;
  const sum = { decodeSeconds: 0, readSeconds: 0, canRead: true };
  let largest = { bytes: 0, isOwn: true };
  const add = (place: PlaceSpeed, group: WeightGroup, share: number, isRead: boolean): boolean => {
    if (share === 0) return true;
    const found = rateOf(place, group.type);
    if (!found) return false;
    sum.decodeSeconds += (group.bytes * share) / found.rate.decodeBytesPerSecond;
    if (found.rate.readWeightsPerSecond === null) sum.canRead = false;
    else if (isRead) sum.readSeconds += (group.elements * share) / found.rate.readWeightsPerSecond;
    if (group.bytes * share > largest.bytes) largest = { bytes: group.bytes * share, isOwn: found.isOwn };
    return true;
  };
  for (const { group, share, isRead, isOutput } of activeGroups(shape)) {
    const onThisCard = isOutput ? Number(card !== null) : cardShare;
    if (card && !add(card, group, share * onThisCard, isRead)) return null;
    if (!add(speed.cpu, group, share * (1 - onThisCard), isRead)) return null;
  }
  const place = card ?? speed.cpu;
  const { numbers, bytes } = attended(shape, depth);
  sum.decodeSeconds += bytes / memoryRate(place);
  if (place.attendedPerSecond !== null) {
    sum.decodeSeconds += numbers / place.attendedPerSecond;
    sum.readSeconds += attended(shape, depth / 2).numbers / (place.attendedPerSecond * READ_TOGETHER);
  }
  const layersMs = onCard * (card?.layerMs ?? 0) + (shape.layerCount - onCard) * speed.cpu.layerMs;
  return {
    decodeSeconds: sum.decodeSeconds + (place.tokenMs + layersMs) / 1000,
    readSeconds: sum.canRead ? sum.readSeconds : null,
    isTypeMeasured: largest.isOwn,
  };
}

interface ActiveGroup {
  group: WeightGroup;
  /** Part of it that one token needs. */
  share: number;
  /** Needed for every token of a text that is read; the output only for its last. */
  isRead: boolean;
  isOutput: boolean;
}

function activeGroups(shape: ModelShape): ActiveGroup[] {
  const { groups } = shape.weights;
  const active: ActiveGroup[] = [];
  for (const group of groups) {
    // Looked up, not multiplied.
    if (group.part === 'embedding') continue;
    const isOutput = group.part === 'output';
    const share = group.part === 'experts' ? shape.expertShare : 1;
    active.push({ group, share, isRead: !isOutput, isOutput });
  }
  for (const group of tiedOutput(groups)) active.push({ group, share: 1, isRead: false, isOutput: true });
  return active;
}

/**
 * What a token with `depth` tokens before it is compared with: numbers that are multiplied, once for each head of its
 * query, and the bytes that hold them, which heads of a group share.
 */
function attended(shape: ModelShape, depth: number): { numbers: number; bytes: number } {
  let numbers = 0;
  let bytes = 0;
  for (const { reach, elementsPerToken } of shape.layers) {
    const tokens = reach === 'window' ? Math.min(depth, shape.windowTokens ?? depth) : depth;
    if (elementsPerToken > 0) numbers += 2 * shape.attentionWidth * tokens;
    bytes += elementsPerToken * CACHE_ELEMENT_BYTES * tokens;
  }
  return { numbers, bytes };
}

/** Bytes a second that need no unpacking: those of the type that is read fastest. */
function memoryRate(place: PlaceSpeed): number {
  return Math.max(...Object.values(place.rates).map(({ decodeBytesPerSecond }) => decodeBytesPerSecond));
}
