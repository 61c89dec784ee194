import * as v from 'valibot';
import { base, nothing } from './base.ts';
import { Bytes, Count } from './entities.ts';

/** What is kept on the disk of chats that a model has read. */
export const SavedStatesInfo = v.object({
  count: Count,
  bytes: Bytes,
  /** Since midnight, whether it is still there or not. */
  writtenTodayBytes: Bytes,
  /** More is not kept, by the setting and the disk's free space now. */
  capBytes: Bytes,
});
export type SavedStatesInfo = v.InferOutput<typeof SavedStatesInfo>;

export const savedStates = {
  info: base.output(SavedStatesInfo),
  /** Deletes everything: chats are read again then. */
  clear: base.output(nothing),
};
