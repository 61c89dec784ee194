import { InsufficientMemoryError } from 'node-llama-cpp';
import { appError, isAppError, type AppError } from '../../contract/index.ts';

/** What is known about a load that failed. */
export interface LoadFailure {
  error: unknown;
  /** The last lines of llama.cpp's log. */
  lines: readonly string[];
  memory: { needBytes: number; freeBytes: number } | null;
}

const UNKNOWN_ARCHITECTURE = /unknown (?:model )?architecture:?\s*'?([\w.-]*)/i;
const TRUNCATED =
  /not within (?:the )?file bounds|unexpectedly reached end of file|incomplete|read error|failed to read|truncated|offset .* out ?of ?bounds|ERR_OUT_OF_RANGE|end of file|insufficient data/i;
const NOT_GGUF = /invalid (?:gguf )?magic|bad magic|InvalidGgufMagic/i;
const NO_MEMORY =
  /unable to allocate|failed to allocate|cannot allocate|alloc.* failed|out of (?:device |host )?memory|OutOf(?:Device|Host)Memory|not enough (?:v?ram|memory)|insufficient memory|bad_alloc/i;

/**
 * Maps a failed load to a typed error. llama.cpp gives its reasons in its log only, the library in the words of
 * its errors. Pure.
 */
export function mapLoadFailure({ error, lines, memory }: LoadFailure): AppError {
  if (isAppError(error)) return error;
  const message = error instanceof Error ? `${error.name} ${error.message}` : '';
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const said = [message, code, ...lines].join('\n');
  const options = { cause: error };
  if (code === 'ENOENT') return appError('model_file_missing', undefined, options);
  if (error instanceof InsufficientMemoryError) {
    return appError('model_not_enough_memory', memory ?? undefined, options);
  }
  const architecture = UNKNOWN_ARCHITECTURE.exec(said)?.[1];
  if (architecture !== undefined)
    return appError('model_unsupported_architecture', { architecture }, options);
  if (NOT_GGUF.test(said)) return appError('model_not_gguf', undefined, options);
  if (TRUNCATED.test(said)) return appError('model_truncated', undefined, options);
  if (NO_MEMORY.test(said)) return appError('model_not_enough_memory', memory ?? undefined, options);
  return appError('model_load_failed', undefined, options);
}
