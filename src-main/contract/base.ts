import { oc } from '@orpc/contract';
import * as v from 'valibot';
import { MAX_MESSAGE_LENGTH } from './entities.ts';
import { errorMap } from './errors.ts';

/** What every procedure starts from: the typed errors. */
export const base = oc.errors(errorMap);
/** A text of at most {@link MAX_MESSAGE_LENGTH}. */
export const text = v.pipe(v.string(), v.maxLength(MAX_MESSAGE_LENGTH));
/** A text that says something. */
export const words = v.pipe(
  text,
  v.check((value) => value.trim() !== '', 'empty'),
);
/** Output of calls that only do something. */
export const nothing = v.void();
