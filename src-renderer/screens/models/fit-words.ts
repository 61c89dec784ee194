import type { Fit } from '../../../src-main/contract/index.ts';
import { formatCount, formatGibibytes, formatMemory, formatRange, formatSpeed } from '../../lib/format.ts';
import type { MachineSpeed } from '../../state/fits.svelte.ts';
import { hubTexts } from '../../texts/hub.ts';

const texts = hubTexts.fit;

export type FitTone = 'ok' | 'warn' | 'bad';

const tones: Record<Fit['verdict'], FitTone> = {
  fits: 'ok',
  tight: 'warn',
  partly: 'warn',
  does_not_fit: 'bad',
};

export function fitTone({ verdict }: Fit): FitTone {
  return tones[verdict];
}

/** One plain sentence of how a model would sit in memory. */
export function fitSentence(fit: Fit): string {
  switch (fit.verdict) {
    case 'fits':
      return fit.vram === null ? texts.fitsMemory : texts.fitsCard;
    case 'tight':
      return texts.tight;
    case 'partly':
      return texts.partly(formatCount(fit.gpuLayers), formatCount(fit.layerCount));
    case 'does_not_fit':
      return texts.doesNotFit;
  }
}

/** The sentence in the width of a table cell. */
export function fitShort(fit: Fit): string {
  if (fit.verdict === 'partly')
    return texts.short.partly(formatCount(fit.gpuLayers), formatCount(fit.layerCount));
  return texts.short[fit.verdict];
}

/** What a fit asks of the memory that decides: the graphics card's where there is one. */
export interface FitFigures {
  readonly weightsBytes: number;
  readonly kvCacheBytes: number;
  readonly buffersBytes: number;
  /** All three. */
  readonly neededBytes: number;
  readonly freeBytes: number;
  readonly onCard: boolean;
}

export function fitFigures(fit: Fit): FitFigures {
  const { weightsBytes, kvCacheBytes, buffersBytes } = fit;
  return {
    weightsBytes,
    kvCacheBytes,
    buffersBytes,
    neededBytes: weightsBytes + kvCacheBytes + buffersBytes,
    freeBytes: (fit.vram ?? fit.ram).freeBytes,
    onCard: fit.vram !== null,
  };
}

/** "5.6 GiB on the graphics card, 7.3 GiB free". */
export function fitLine(fit: Fit): string {
  const place = fit.vram ?? fit.ram;
  const line = fit.vram === null ? texts.inMemory : texts.onCard;
  return line(formatMemory(place.neededBytes), formatMemory(place.freeBytes));
}

/** "5.6 / 7.3 GiB". */
export function fitOfFree(fit: Fit): string {
  const { neededBytes, freeBytes } = fitFigures(fit);
  return texts.ofFree(formatGibibytes(neededBytes), formatMemory(freeBytes));
}

/** Decode speed in a table cell: "42 to 48", measured "46.2"; null while unknown. */
export function speedShort({ decode, isMeasured }: Fit): string | null {
  if (decode === null) return null;
  if (isMeasured) return formatSpeed((decode.low + decode.high) / 2).replace(/ .*$/, '');
  return texts.range(...formatRange(decode.low, decode.high));
}

/** Quicker than anybody reads: an estimate above it says nothing more. */
const VERY_QUICK = 200;

/** An estimated speed: "34 to 57", "over 200". */
export function roughSpeedText({ low, high }: { low: number; high: number }): string {
  return low > VERY_QUICK ? texts.over(formatCount(VERY_QUICK)) : texts.range(...formatRange(low, high));
}

/** Tokens a second that a person reads, some 250 words a minute. */
const READING_PACE = 5.5;

/** How a speed compares with reading; null while it is unknown. */
export function paceSentence(decode: Fit['decode']): string | null {
  if (decode === null) return null;
  const times = (decode.low + decode.high) / 2 / READING_PACE;
  if (times < 0.8) return texts.belowPace;
  return times < 1.75 ? texts.atPace : texts.pace(formatCount(times));
}

/**
 * Decode speed in words: "42 to 48 tok/s predicted", "46.2 tok/s measured here".
 * @param speed whether this computer was measured; null while that is not known
 */
export function speedSentence({ decode, isMeasured }: Fit, speed: MachineSpeed | null): string {
  if (decode === null) return speed?.state === 'measuring' ? texts.measuring : texts.notMeasured;
  if (isMeasured) return texts.measured(formatSpeed((decode.low + decode.high) / 2));
  return texts.predicted(texts.range(...formatRange(decode.low, decode.high)));
}
