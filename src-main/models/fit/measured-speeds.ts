import type { StoredSpeed } from '../../store/api.ts';
import type { FitMachine, MeasuredSpeed } from './predict.ts';
import type { TokenTimes } from './predict-speed.ts';

/** So many answers of a file make its speed a fact. */
const LEAST_ANSWERS = 3;
/** The newest say most: the computer may have been busy before. */
const MAX_ANSWERS = 15;
/** A prompt that is read in less says nothing about reading. */
const LEAST_READ_TOKENS = 64;
/** One model's error says little about the next one's. */
const LEAST_ERROR_OF_ONE = 0.1;

/** Medians of the newest answers of one model; null when there are too few. Pure. */
export function speedOf(speeds: readonly StoredSpeed[]): MeasuredSpeed | null {
  const newest = speeds.slice(0, MAX_ANSWERS);
  if (newest.length < LEAST_ANSWERS) return null;
  const read = newest
    .filter(({ readTokens, prefillMs }) => readTokens >= LEAST_READ_TOKENS && prefillMs > 0)
    .map(({ readTokens, prefillMs }) => (readTokens / prefillMs) * 1000);
  return {
    decode: median(newest.map(({ tokensPerSecond }) => tokensPerSecond)),
    read: read.length > 0 ? median(read) : null,
  };
}

/** One model's speed as measured and as predicted without correction. */
export interface Compared {
  measured: MeasuredSpeed;
  predicted: TokenTimes;
}

/**
 * By how much predictions of this computer are to be corrected, and how far they were off beyond that: from models
 * that have answered here. Null without any. Pure.
 */
export function correctionFrom(models: readonly Compared[]): FitMachine['correction'] {
  if (models.length === 0) return null;
  const decode = models.map(({ measured, predicted }) => measured.decode * predicted.decodeSeconds);
  const read = models.flatMap(({ measured, predicted }) =>
    measured.read === null || predicted.readSeconds === null ? [] : [measured.read * predicted.readSeconds],
  );
  const factor = median(decode);
  const errors = decode.map((ratio) => Math.abs(ratio / factor - 1));
  const largest = errors.reduce((a, b) => Math.max(a, b), 0);
  return {
    decode: factor,
    read: read.length > 0 ? median(read) : factor,
    error: models.length === 1 ? Math.max(LEAST_ERROR_OF_ONE, Math.abs(1 - factor) / 2) : largest,
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}
