import * as v from 'valibot';
import { base } from './base.ts';
import { Bytes, Id } from './entities.ts';

/**
 * Whether a model can guess for another. `vocabulary`: its tokens mean something else; `larger`: its guesses would
 * take longer than the answer; `unreadable`: its file is missing or damaged.
 */
export const DraftVerdict = v.picklist(['fits', 'vocabulary', 'larger', 'unreadable']);
export type DraftVerdict = v.InferOutput<typeof DraftVerdict>;

export const DraftCandidate = v.object({
  id: Id,
  name: v.string(),
  sizeBytes: Bytes,
  verdict: DraftVerdict,
});
export type DraftCandidate = v.InferOutput<typeof DraftCandidate>;

export const drafts = {
  /** All other models of the library, those that fit first. Reads headers that were not read in this run. */
  candidates: base.input(v.object({ id: Id })).output(v.array(DraftCandidate)),
};
