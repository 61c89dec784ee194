import type { ErrorCode } from '../../../src-main/contract/index.ts';
import type { NextStep } from '../../texts/errors.ts';

/** Steps that the Models screen can carry out. */
export type ModelStep =
  | Extract<
      NextStep,
      'try_again' | 'load_anyway' | 'restart_engine' | 'open_engine_settings' | 'open_folder_settings'
    >
  | 'change_context'
  | 'remove';

export type FailureGlyph = 'file' | 'memory' | 'missing' | 'engine' | 'disk' | 'other';

interface FailureKind {
  tone: 'warn' | 'bad';
  glyph: FailureGlyph;
  /** For a model on the list, the primary one first. */
  steps: readonly ModelStep[];
}

const damagedFile: FailureKind = { tone: 'bad', glyph: 'file', steps: ['try_again', 'remove'] };
const engineGone: FailureKind = {
  tone: 'bad',
  glyph: 'engine',
  steps: ['restart_engine', 'open_engine_settings'],
};
const notSaved: FailureKind = { tone: 'bad', glyph: 'disk', steps: ['try_again'] };

const kinds: Partial<Record<ErrorCode, FailureKind>> = {
  model_not_gguf: damagedFile,
  model_truncated: damagedFile,
  model_malformed: damagedFile,
  model_unsupported_architecture: { ...damagedFile, steps: ['remove'] },
  model_not_enough_memory: { tone: 'warn', glyph: 'memory', steps: ['change_context', 'try_again'] },
  model_file_missing: { tone: 'warn', glyph: 'missing', steps: ['try_again', 'remove'] },
  model_file_forbidden: { tone: 'warn', glyph: 'missing', steps: ['open_folder_settings', 'remove'] },
  model_load_failed: {
    tone: 'bad',
    glyph: 'other',
    steps: ['try_again', 'change_context', 'open_engine_settings'],
  },
  model_load_crashed: {
    tone: 'bad',
    glyph: 'other',
    steps: ['load_anyway', 'change_context', 'open_engine_settings'],
  },
  engine_binary_missing: { ...engineGone, steps: [] },
  engine_start_failed: engineGone,
  engine_unavailable: engineGone,
  engine_crashed: { ...engineGone, steps: ['try_again', 'open_engine_settings'] },
  disk_full: notSaved,
  store_failed: notSaved,
};

const other: FailureKind = { tone: 'bad', glyph: 'other', steps: ['try_again'] };

/** Look and next steps of a failure; its words are `failureText` of texts/errors.ts. */
export function failureKind(code: ErrorCode): FailureKind {
  return kinds[code] ?? other;
}

/** Codes of `EngineState.error` that are about the model and not about the engine. */
export function isModelFailure(code: ErrorCode): boolean {
  return code.startsWith('model_');
}
