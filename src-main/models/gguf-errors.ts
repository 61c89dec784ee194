import { appError, type AppError } from '../contract/index.ts';

/**
 * A header that breaks the format or our limits.
 * @param reason a few fixed words for Details; nothing that the file says
 */
export function malformed(reason: string): AppError {
  return appError('model_malformed', { reason });
}

/** A file that ends before its header says it does. */
export function truncated(needBytes: number, sizeBytes: number): AppError {
  return appError('model_truncated', { needBytes, sizeBytes });
}
