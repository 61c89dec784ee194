import { errorCodeOf, isAppError, type ErrorCode, type ErrorData } from '../../src-main/contract/index.ts';

export type FailureDetails = NonNullable<ErrorData['details']>;

/** A failed call as the interface keeps it: what `texts/errors.ts` needs and nothing else. */
export interface Failure {
  readonly code: ErrorCode;
  readonly details: FailureDetails;
  readonly retryable: boolean;
}

/** Reduces any thrown thing to a {@link Failure}. */
export function failureOf(error: unknown): Failure {
  if (!isAppError(error)) return { code: errorCodeOf(error), details: {}, retryable: true };
  return { code: error.code, details: error.data.details ?? {}, retryable: error.data.retryable };
}
