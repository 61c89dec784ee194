import type { LlamaContextSequence, TokenMeterState } from 'node-llama-cpp';
import { isAppError, type GenerationStats, type Sampling, type StopReason } from '../../contract/index.ts';
import type { GenerateEvent } from './contract.ts';
import { countersOf, type GuessCounters } from './guesses.ts';

/** Figures of one generation, filled as it goes; token figures come from the sequence's counters. */
export interface Progress {
  readonly startMs: number;
  readonly sequence: LlamaContextSequence;
  readonly meter: TokenMeterState;
  /** The sequence's counters of guesses at the start. */
  readonly guesses: GuessCounters;
  readonly seed: number;
  readonly promptTokens: number;
  reusedTokens: number;
  /** Tokens that the sequence held, behind a window that it cannot go back to. */
  rereadTokens: number;
  /** What came of a saved state; zeros when none was read. */
  readonly restored: { tokens: number; elapsedMs: number };
  /** Set with the first token; what a template makes the library read after that is not the prompt. */
  prompt: { promptTokens: number; readTokens: number } | null;
  /** Of the prompt, for the decoder to read with its first step, and since when. */
  leftTokens: number;
  leftAtMs: number;
  prefillMs: number;
  firstTokenMs: number | null;
  lastTokenMs: number | null;
}

/**
 * Tokens evaluated since the start of the generation: without sampling (input) and with (output). The counter also
 * counts guesses; those that were wrong, or right and not said yet, are no output.
 */
export function usedSince({ sequence, meter, guesses }: Progress) {
  const { usedInputTokens, usedOutputTokens } = sequence.tokenMeter.diff(meter);
  const notSaid = countersOf(sequence).notSaid - guesses.notSaid;
  return { usedInputTokens, usedOutputTokens: usedOutputTokens - notSaid };
}

/** Guesses that were computed, and those that were said. */
function guessFigures({ sequence, guesses }: Progress) {
  const { guessed, right, draftGuessed, draftRight } = countersOf(sequence);
  return {
    guessedTokens: guessed - guesses.guessed,
    guessedRight: right - guesses.right,
    draftedTokens: draftGuessed - guesses.draftGuessed,
    draftedRight: draftRight - guesses.draftRight,
  };
}

/** Where the reused tokens came from. */
export function reuseFigures({ reusedTokens, restored }: Progress) {
  const reusedFrom = reusedTokens === 0 ? null : restored.tokens > 0 ? ('disk' as const) : ('live' as const);
  return { reusedFrom, restoreMs: restored.elapsedMs };
}

/** Prompt figures as evaluated: the first sampled token's evaluation is that of the prompt's last token. */
export function promptFigures(progress: Progress) {
  const { reusedTokens } = progress;
  const { usedInputTokens, usedOutputTokens: generatedTokens } = usedSince(progress);
  const readTokens = usedInputTokens + Math.min(1, generatedTokens);
  // Stopped while it was read: the prompt is as long as it was rendered.
  const promptTokens = generatedTokens > 0 ? reusedTokens + readTokens : progress.promptTokens;
  return { promptTokens, readTokens, reusedTokens, generatedTokens, ...progress.prompt };
}

export function statsOf(
  progress: Progress,
  stopReason: StopReason,
  sampling: Sampling,
  process: { backend: string; engineVersion: string },
): GenerationStats {
  const figures = promptFigures(progress);
  const { firstTokenMs, lastTokenMs, sequence } = progress;
  const decodeMs =
    firstTokenMs === null || lastTokenMs === null ? 0 : Math.max(0, lastTokenMs - firstTokenMs);
  const isTimed = figures.generatedTokens > 1 && decodeMs > 0;
  return {
    ...figures,
    ...reuseFigures(progress),
    rereadTokens: progress.rereadTokens,
    ...guessFigures(progress),
    ttftMs: firstTokenMs === null ? null : firstTokenMs - progress.startMs,
    firstTokenKind: null,
    prefillMs: progress.prefillMs,
    decodeMs,
    tokensPerSecond: isTimed ? ((figures.generatedTokens - 1) / decodeMs) * 1000 : null,
    loadMs: 0,
    stopReason,
    contextSize: sequence.context.contextSize,
    contextTokens: sequence.nextTokenIndex,
    seed: progress.seed,
    temperature: sampling.temperature,
    backend: process.backend,
    engineVersion: process.engineVersion,
  };
}

export function failureOf(error: unknown): Extract<GenerateEvent, { type: 'done' }>['failure'] {
  if (!isAppError(error)) return { code: 'internal', details: undefined };
  return { code: error.code, details: error.data.details };
}
