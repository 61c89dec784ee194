import type { GGUFTensorInfo } from '@huggingface/gguf';
import { malformed } from './gguf-errors.ts';

/**
 * Elements and bytes of one block by tensor type, from ggml-common.h of the pinned engine. Types that are not
 * listed are newer or were removed from the format; what they need is the engine's to say.
 */
const TENSOR_TYPES: ReadonlyMap<number, readonly [name: string, elements: number, bytes: number]> = new Map([
  [0, ['F32', 1, 4]],
  [1, ['F16', 1, 2]],
  [2, ['Q4_0', 32, 18]],
  [3, ['Q4_1', 32, 20]],
  [6, ['Q5_0', 32, 22]],
  [7, ['Q5_1', 32, 24]],
  [8, ['Q8_0', 32, 34]],
  [9, ['Q8_1', 32, 36]],
  [10, ['Q2_K', 256, 84]],
  [11, ['Q3_K', 256, 110]],
  [12, ['Q4_K', 256, 144]],
  [13, ['Q5_K', 256, 176]],
  [14, ['Q6_K', 256, 210]],
  [15, ['Q8_K', 256, 292]],
  [16, ['IQ2_XXS', 256, 66]],
  [17, ['IQ2_XS', 256, 74]],
  [18, ['IQ3_XXS', 256, 98]],
  [19, ['IQ1_S', 256, 50]],
  [20, ['IQ4_NL', 32, 18]],
  [21, ['IQ3_S', 256, 110]],
  [22, ['IQ2_S', 256, 82]],
  [23, ['IQ4_XS', 256, 136]],
  [24, ['I8', 1, 1]],
  [25, ['I16', 1, 2]],
  [26, ['I32', 1, 4]],
  [27, ['I64', 1, 8]],
  [28, ['F64', 1, 8]],
  [29, ['IQ1_M', 256, 56]],
  [30, ['BF16', 1, 2]],
  [34, ['TQ1_0', 256, 54]],
  [35, ['TQ2_0', 256, 66]],
  [39, ['MXFP4', 32, 17]],
  [40, ['NVFP4', 64, 36]],
  [41, ['Q1_0', 128, 18]],
  [42, ['Q2_0', 64, 18]],
]);

/** The engine's own bounds (ggml.h): a file beyond them is refused there too, after it was opened. */
const MAX_DIMENSIONS = 4;
const MAX_TENSOR_NAME_BYTES = 63;
/** The largest models have a few thousand; the engine looks for equal names with a double loop. */
const MAX_TENSORS = 50_000;

export interface TensorTotals {
  /** Weights of all tensors together. */
  parameterCount: number;
  /** Where the last tensor's data end, in bytes after the start of the data; padding after it not counted. */
  dataBytes: number;
  /** Name of the type that holds most weights, null without tensors or when its type is unknown. */
  mainType: string | null;
}

/**
 * Checks the tensor infos by the rules of the engine's own reader and sums them up.
 * @throws model_malformed
 */
export function sumTensors(tensors: readonly GGUFTensorInfo[], alignment: number): TensorTotals {
  if (tensors.length > MAX_TENSORS) throw malformed('too many tensors');
  const names = new Set<string>();
  const elementsByType = new Map<number, number>();
  let parameterCount = 0;
  let dataBytes = 0;
  let expectedOffset = 0;
  let layoutKnown = true;
  for (const tensor of tensors) {
    if (names.has(tensor.name)) throw malformed('tensor twice');
    if (Buffer.byteLength(tensor.name) > MAX_TENSOR_NAME_BYTES) throw malformed('tensor name too long');
    names.add(tensor.name);
    const elements = elementsOf(tensor);
    parameterCount += elements;
    elementsByType.set(tensor.dtype, (elementsByType.get(tensor.dtype) ?? 0) + elements);

    const bytes = bytesOf(tensor, elements);
    const offset = safeNumber(tensor.offset);
    // Offsets follow from the sizes as long as every type so far is known.
    if (layoutKnown && offset !== expectedOffset) throw malformed('tensor offset');
    layoutKnown &&= bytes !== null;
    const end = safeNumber(BigInt(offset) + BigInt(bytes ?? 0));
    dataBytes = Math.max(dataBytes, end);
    expectedOffset = alignUp(end, alignment);
  }
  const [mainType] = [...elementsByType].reduce((a, b) => (b[1] > a[1] ? b : a), [-1, 0]);
  return {
    parameterCount: safeNumber(BigInt(parameterCount)),
    dataBytes,
    mainType: TENSOR_TYPES.get(mainType)?.[0] ?? null,
  };
}

/** `Q4_K` and the like; null for a type that is not known here. */
export function tensorTypeName(dtype: number): string | null {
  return TENSOR_TYPES.get(dtype)?.[0] ?? null;
}

/**
 * Number, and elements and bytes of one block, of a type by its name.
 * @throws RangeError for a name that is not in the table
 */
export function tensorTypeOf(name: string): { id: number; elements: number; bytes: number } {
  for (const [id, [known, elements, bytes]] of TENSOR_TYPES)
    if (known === name) return { id, elements, bytes };
  throw new RangeError(`no tensor type ${name}`);
}

/**
 * Bytes of a tensor's data, null when its type is not known here.
 * @throws model_malformed
 */
export function tensorBytes(tensor: GGUFTensorInfo): number | null {
  return bytesOf(tensor, elementsOf(tensor));
}

/** The next multiple of `alignment`; both below 2^53. */
export function alignUp(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}

function elementsOf({ shape }: GGUFTensorInfo): number {
  if (shape.length > MAX_DIMENSIONS) throw malformed('tensor dimensions');
  return safeNumber(shape.reduce((product, size) => product * size, 1n));
}

/** Bytes of a tensor's data, null when the type is not known here. */
function bytesOf({ shape, dtype }: GGUFTensorInfo, elements: number): number | null {
  const type = TENSOR_TYPES.get(dtype);
  if (!type) return null;
  const [, blockElements, blockBytes] = type;
  if ((shape[0] ?? 1n) % BigInt(blockElements) !== 0n) throw malformed('tensor row does not fill blocks');
  return safeNumber((BigInt(elements) / BigInt(blockElements)) * BigInt(blockBytes));
}

function safeNumber(value: bigint): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed('number out of range');
  return Number(value);
}
