import type { GgufHeader } from './gguf-summary.ts';

/** To the worker. It has no file and no network of its own: every byte comes through `bytes`. */
export type ToWorker =
  | { type: 'parse'; sizeBytes: number }
  | { type: 'bytes'; bytes: Uint8Array<ArrayBuffer> }
  | { type: 'unreadable' };

/** From the worker, for the one file that it is parsing. */
export type FromWorker =
  | { type: 'read'; offset: number; length: number }
  | { type: 'parsed'; header: GgufHeader }
  | { type: 'refused'; code: HeaderErrorCode; details: Record<string, string | number | boolean | null> };

export type HeaderErrorCode = 'model_not_gguf' | 'model_truncated' | 'model_malformed';
