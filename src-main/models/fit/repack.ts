import { readFile } from 'node:fs/promises';

/** What decides which weights the engine rearranges for the processor. */
export interface ProcessorFeatures {
  /** `process.arch`. */
  arch: string;
  /** Words of Linux's cpuinfo (`flags` or `Features`); null where they are not known. */
  flags: ReadonlySet<string> | null;
}

/**
 * Types of which the engine makes a rearranged copy that cannot be given back; the others are used where the
 * file is mapped. From `ggml_repack_get_optimal_repack_type` (repack.cpp) of the pinned engine. Pure.
 */
export function repackedTypes({ arch, flags }: ProcessorFeatures): ReadonlySet<string> {
  if (arch === 'x64') {
    // Processors without AVX2 are from before 2013; without cpuinfo the newest kernels are not assumed.
    const hasAvx2 = flags === null || flags.has('avx2');
    const types = hasAvx2 ? ['Q4_0', 'Q4_K', 'IQ4_NL', 'MXFP4'] : [];
    return new Set(flags?.has('avx512f') ? [...types, 'Q2_K'] : types);
  }
  // Every 64-bit ARM that runs a desktop has dot products since 2018.
  if (arch === 'arm64' && (flags === null || flags.has('asimddp')))
    return new Set(['Q4_0', 'Q4_K', 'Q5_K', 'Q6_K', 'IQ4_NL', 'MXFP4', 'Q8_0']);
  return new Set();
}

/** The features of this processor. */
export async function readProcessorFeatures(): Promise<ProcessorFeatures> {
  const { arch } = process;
  if (process.platform !== 'linux') return { arch, flags: null };
  try {
    const info = await readFile('/proc/cpuinfo', 'utf8');
    const words = /^(?:flags|Features)\s*:\s*(.+)$/mu.exec(info)?.[1];
    return { arch, flags: words === undefined ? null : new Set(words.split(/\s+/u)) };
  } catch {
    return { arch, flags: null };
  }
}
