import { openSync, readFileSync, writeSync } from 'node:fs';
import type { StoreApi } from '../../../src-main/store/api.ts';

type Call<E extends keyof StoreApi, F extends keyof StoreApi[E]> = StoreApi[E][F] extends (
  input: infer I,
) => unknown
  ? I
  : never;

/** One call of the store, as the journal keeps it. */
export type Operation =
  | { kind: 'begin'; input: Call<'messages', 'begin'> }
  | { kind: 'flush'; input: Call<'messages', 'flush'> }
  | { kind: 'finish'; input: Call<'messages', 'finish'> }
  | { kind: 'rename'; input: Call<'conversations', 'rename'> }
  | { kind: 'trash'; input: Call<'conversations', 'trash'> }
  | { kind: 'interrupt'; input: Call<'messages', 'interruptStreaming'> };

/** Parts of the store's life in which a kill may fall. */
export const phases = [
  'open',
  'begin',
  'flush',
  'finish',
  'rename',
  'trash',
  'backup',
  'migrate',
  'backUpNow',
  'restore',
] as const;
export type Phase = (typeof phases)[number];

export type Entry =
  | { at: 'start'; phase: Phase; operation: Operation | null }
  | { at: 'end'; phase: Phase }
  | { at: 'armed'; phase: Phase; delayMs: number; spanMs: number };

/**
 * A journal that outlives a SIGKILL: each line is one write call on a file opened for appending, so it is in
 * the page cache when the call returns, from whichever thread it came.
 */
export function openJournal(path: string): (entry: Entry) => void {
  const file = openSync(path, 'a', 0o600);
  return (entry) => void writeSync(file, `${JSON.stringify(entry)}\n`);
}

/** All entries in order. */
export function readJournal(path: string): Entry[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Entry => JSON.parse(line));
}
