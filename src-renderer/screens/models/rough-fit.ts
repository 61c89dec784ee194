import type { CatalogueEntry, EngineState, Machine } from '../../../src-main/contract/index.ts';

// Before any header was read only the number of weights is known. What is said from it is marked "about".

/** Bits that a weight takes in Q4_K_M, the usual choice: llama.cpp's own table says 4.8 to 4.9. */
const USUAL_BITS = 4.85;
/** KV cache of 8k tokens and buffers on top of the weights, as a share of a small and a large model's size. */
const BESIDE_WEIGHTS = 0.18;
const BESIDE_WEIGHTS_LEAST = 350e6;
/** Above this share of what is free, little is left for other apps. */
const TIGHT_SHARE = 0.85;
/** What a rough speed may be off by, either way. */
const SPEED_SLACK = 0.25;
/** Slower is no pleasure to chat with; a reader reads some five tokens a second. */
const READING_PACE = 5;

export interface RoughFit {
  readonly neededBytes: number;
  readonly freeBytes: number;
  readonly verdict: 'fits' | 'tight' | 'partly' | 'too_large';
}

export interface Memory {
  readonly freeBytes: number;
  /** Where the rest of a model goes that is too large for the graphics card; 0 without one. */
  readonly besideBytes: number;
  /** Bytes of weights a second; null while unknown. */
  readonly bytesPerSecond: number | null;
}

/** Size of a Q4_K_M file by its number of weights. */
export function roughSize(parameterCount: number): number {
  return Math.round((parameterCount * USUAL_BITS) / 8);
}

/** The memory that models go to: the graphics card's where the engine uses one, else this computer's. */
export function memoryFor(
  machine: Machine | null,
  engine: EngineState,
  bytesPerSecond: number | null,
): Memory | null {
  const card = engine.memory?.vramTotalBytes;
  if (engine.backend !== 'cpu' && typeof card === 'number')
    // What is loaded would be unloaded first, so all but what others hold counts as free.
    return { freeBytes: card, besideBytes: machine?.memoryFreeBytes ?? 0, bytesPerSecond };
  return machine === null ? null : { freeBytes: machine.memoryFreeBytes, besideBytes: 0, bytesPerSecond };
}

/** @param sizeBytes of the file */
export function roughFit(sizeBytes: number, { freeBytes, besideBytes }: Memory): RoughFit {
  const neededBytes = sizeBytes + Math.max(BESIDE_WEIGHTS_LEAST, sizeBytes * BESIDE_WEIGHTS);
  const share = neededBytes / Math.max(1, freeBytes);
  const beyond = neededBytes <= freeBytes + besideBytes ? 'partly' : 'too_large';
  return {
    neededBytes,
    freeBytes,
    verdict: share > 1 ? beyond : share > TIGHT_SHARE ? 'tight' : 'fits',
  };
}

// "30B-A3B": reads a part of its weights for each token, so its size says little about its speed.
const MIXTURE = /moe|mixtral|\d+x\d+b|\d+b-a\d/i;

/**
 * Tokens a second from the size alone: every weight is read once for each token.
 * @param name tells of a mixture of experts, for which nothing is said
 * @returns null where nothing can be said
 */
export function roughSpeed(
  sizeBytes: number,
  { bytesPerSecond }: Memory,
  name: string,
): { low: number; high: number } | null {
  if (bytesPerSecond === null || sizeBytes <= 0 || MIXTURE.test(name)) return null;
  const middle = bytesPerSecond / sizeBytes;
  return { low: twoDigits(middle * (1 - SPEED_SLACK)), high: twoDigits(middle * (1 + SPEED_SLACK)) };
}

/** An estimate has no third digit. */
function twoDigits(value: number): number {
  return Number(value.toPrecision(2));
}

export interface Suggestions {
  readonly recommended: CatalogueEntry | null;
  readonly smaller: CatalogueEntry | null;
  readonly larger: CatalogueEntry | null;
}

/** How much smaller or larger an alternative has to be to be one. */
const CLEARLY = 1.5;

/**
 * The suggestion for this computer and one on either side of it. The catalogue's order is its preference: the
 * first that fits and can be read along with is recommended, else the first that fits, else the smallest.
 * @param memory null while unknown: the first of the catalogue then
 */
export function suggest(entries: readonly CatalogueEntry[], memory: Memory | null): Suggestions {
  const bySize = [...entries].sort((a, b) => a.roughSizeBytes - b.roughSizeBytes);
  const recommended = memory === null ? entries[0] : (bestFor(entries, memory) ?? bySize[0]);
  if (recommended === undefined) return { recommended: null, smaller: null, larger: null };
  const size = recommended.roughSizeBytes;
  const others = bySize.filter((entry) => entry.purpose !== 'code' || recommended.purpose === 'code');
  return {
    recommended,
    smaller: others.findLast((entry) => entry.roughSizeBytes * CLEARLY < size) ?? null,
    larger: others.find((entry) => entry.roughSizeBytes > size * CLEARLY && canRun(entry, memory)) ?? null,
  };
}

function canRun(entry: CatalogueEntry, memory: Memory | null): boolean {
  return memory === null || roughFit(entry.roughSizeBytes, memory).verdict !== 'too_large';
}

function bestFor(entries: readonly CatalogueEntry[], memory: Memory): CatalogueEntry | undefined {
  const fitting = entries.filter((entry) => roughFit(entry.roughSizeBytes, memory).verdict === 'fits');
  const quick = fitting.find((entry) => {
    const speed = roughSpeed(entry.roughSizeBytes, memory, entry.name);
    return speed === null || speed.high >= READING_PACE;
  });
  return quick ?? fitting[0];
}
