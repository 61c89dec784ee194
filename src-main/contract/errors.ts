import { ORPCError } from '@orpc/contract';
import * as v from 'valibot';

/** Data that every typed error carries over every transport. Never a stack, a path or message text. */
export const ErrorData = v.object({
  /** The same call may succeed when tried again without a change. */
  retryable: v.boolean(),
  /** Figures and names for the interface's text, for instance `needBytes`, `freeBytes`, `architecture`. */
  details: v.optional(v.record(v.string(), v.union([v.string(), v.number(), v.boolean(), v.null()]))),
});
export type ErrorData = v.InferOutput<typeof ErrorData>;

/**
 * Every error code that can cross the contract: HTTP-like status (oRPC needs one), a sentence for a log,
 * and whether trying again can help. The interface maps codes to its own text and next step.
 */
const definitions = {
  invalid_input: [400, 'The request is not of the form that the contract asks for.', false],
  malformed_frame: [400, 'A frame was not a valid message of the protocol.', false],
  unauthorized: [401, 'The token is missing or wrong.', false],
  protocol_mismatch: [426, 'This page is older or newer than the running app. Reload it.', false],
  connection_lost: [503, 'The connection to the app is lost. It is being opened again.', true],
  not_found: [404, 'There is no such item any more.', false],
  conflict: [409, 'The item changed or is busy.', true],
  aborted: [499, 'The request was cancelled.', true],
  internal: [500, 'Something failed inside the app.', true],

  offline: [403, 'Offline is on, so the connection was refused.', false],
  host_not_allowed: [403, 'The host is not on the list of the purpose.', false],
  network_failed: [502, 'The connection failed.', true],

  hub_gated: [403, 'The model is gated: its terms must be accepted and a token given.', false],
  hub_rate_limited: [429, 'The hub asks to wait before the next request.', true],
  checksum_mismatch: [422, 'The file does not match its published hash.', false],
  file_changed: [409, 'The file on the hub is no longer the one that was begun.', false],

  model_not_gguf: [422, 'The file is not a GGUF model.', false],
  model_truncated: [422, 'The model file is shorter than its header says.', false],
  model_malformed: [422, 'The header of the model file is damaged or beyond the limits.', false],
  model_unsupported_architecture: [422, 'The engine cannot run this architecture.', false],
  model_not_enough_memory: [507, 'There is not enough free memory for this model.', true],
  model_file_missing: [404, 'The model file is no longer where it was.', true],
  model_file_forbidden: [403, 'The file is outside the folders that were allowed.', false],
  model_damaged: [422, 'The model file does not match its published hash.', false],
  model_load_failed: [500, 'The engine refused the model.', true],
  model_load_crashed: [
    500,
    'The engine stopped while it loaded this model. It is not tried again by itself.',
    true,
  ],
  adapter_mismatch: [422, 'The adapter does not fit this model.', false],
  no_model: [409, 'No model is chosen.', false],

  engine_binary_missing: [503, 'No engine binary for this system is installed.', false],
  engine_start_failed: [503, 'The engine did not start.', true],
  engine_crashed: [500, 'The engine stopped. The chat is saved.', true],
  engine_unavailable: [503, 'The engine stopped too often and waits for a restart by hand.', true],
  context_full: [413, 'The chat does not fit into the context.', false],

  import_unreadable: [422, 'The file cannot be read as chats.', false],

  disk_full: [507, 'The disk is full. Nothing that was saved is lost.', true],
  store_newer: [409, 'The chats were saved by a newer version. Nothing was changed.', false],
  store_damaged: [500, 'The chat database does not pass its check. It was not changed.', false],
  store_read_only: [409, 'The chats are open for reading only. Nothing was changed.', false],
  store_failed: [500, 'The chat database refused the change.', true],
  data_folder_in_use: [409, 'Another process holds the data folder.', true],
} as const satisfies Record<string, readonly [status: number, message: string, retryable: boolean]>;

export type ErrorCode = keyof typeof definitions;
export const errorCodes = Object.keys(definitions) as ErrorCode[];

type ErrorMap = { [C in ErrorCode]: { status: number; message: string; data: typeof ErrorData } };

/** oRPC error map of the whole contract: one entry a code, all with {@link ErrorData}. */
export const errorMap = Object.fromEntries(
  Object.entries(definitions).map(([code, [status, message]]) => [
    code,
    { status, message, data: ErrorData },
  ]),
) as ErrorMap;

export type AppError = ORPCError<ErrorCode, ErrorData>;

/**
 * Makes the one kind of error that services throw and clients receive.
 * @param details figures for the interface's text; bytes as `…Bytes`, times as `…Ms`; no paths, no user text
 */
export function appError(
  code: ErrorCode,
  details?: NonNullable<ErrorData['details']>,
  options?: { message?: string; retryable?: boolean; cause?: unknown },
): AppError {
  const [status, message, retryable] = definitions[code];
  return new ORPCError(code, {
    status,
    message: options?.message ?? message,
    cause: options?.cause,
    data: { retryable: options?.retryable ?? retryable, ...(details ? { details } : {}) },
  });
}

/** True for an error with a code of the contract, from this process or from over a transport. */
export function isAppError(error: unknown): error is AppError {
  return error instanceof ORPCError && typeof error.code === 'string' && error.code in definitions;
}

/** The code of any thrown thing: its own if it is ours, else `internal`. */
export function errorCodeOf(error: unknown): ErrorCode {
  return isAppError(error) ? error.code : 'internal';
}
