import type { LlamaContextSequence, TokenMeterState } from 'node-llama-cpp';
import { isAppError, type GenerationStats, type Sampling, type StopReason } from '../../contract/index.ts';
import type { GenerateEvent } from './contract.ts';

/** Figures of one generation, filled as it goes; token figures come from the sequence's counters. */
export interface Progress {
  readonly startMs: number;
  readonly sequence: LlamaContextSequence;
  readonly meter: TokenMeterState;
  readonly seed: number;
  readonly promptTokens: number;
  reusedTokens: number;
  /** Set with the first token; what a template makes the library read after that is not the prompt. */
  prompt: { promptTokens: number; readTokens: number } | null;
  prefillMs: number;
  firstTokenMs: number | null;
  lastTokenMs: number | null;
}

/** Tokens evaluated since the start of the generation: without sampling (input) and with (output). */
export function usedSince({ sequence, meter }: Progress) {
  return sequence.tokenMeter.diff(meter);
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
    ttftMs: firstTokenMs === null ? null : firstTokenMs - progress.startMs,
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
