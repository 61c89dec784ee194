/** Quantisation names of llama.cpp as they stand in file names; `UD-` and `_XL` are those of dynamic ones. */
const QUANT =
  /(?:^|[-._/ ])((?:UD-)?(?:I?Q[1-8](?:_(?:K|NL|XXS|XS|S|M|L|XL|P|[01248])){0,3}|TQ[12]_0|MXFP4(?:_MOE)?|NVFP4|BF16|FP?16|FP?32))(?=$|[-._/ ])/giu;

/**
 * Bits a weight takes in whole files of common quants, embeddings and scales included (llama.cpp's
 * `quantize` tool lists them for a 7B model).
 */
const BITS_PER_WEIGHT: Readonly<Record<string, number>> = {
  Q2_K: 3.35,
  Q3_K_M: 3.91,
  Q4_0: 4.65,
  Q4_K_M: 4.85,
  Q5_K_M: 5.69,
  Q6_K: 6.59,
  Q8_0: 8.5,
  F16: 16,
};

/** Not a gain that anyone sees over eight bits, for twice the memory. */
const FULL_PRECISION = /^(?:BF16|F16|F32)$/u;

/** The quant that a path names, in capitals; the file's own name before its folders'. Null when it says none. */
export function quantOf(path: string): string | null {
  const steps = path.replace(/(?:-\d{5}-of-\d{5})?\.gguf$/iu, '').split('/');
  for (const step of steps.reverse()) {
    const last = [...step.matchAll(QUANT)].at(-1)?.[1];
    if (last !== undefined) return last.toUpperCase().replace(/^FP(?=16|32)/u, 'F');
  }
  return null;
}

export const isFullPrecision = (quant: string | null): boolean =>
  quant !== null && FULL_PRECISION.test(quant);

/** Rough size of a file in bytes, before anything was asked of the hub. */
export function roughSizeBytes(parameterCount: number, quant: string): number {
  const bits = BITS_PER_WEIGHT[quant];
  if (bits === undefined) throw new RangeError(`no figure for ${quant}`);
  return Math.round((parameterCount * bits) / 8);
}
