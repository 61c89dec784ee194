import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Platform } from '../platform.ts';

const FILE = 'leeward.log';
/** Large enough for weeks of events, small enough to send by mail. */
const MAX_FILE_BYTES = 2 * 1024 * 1024;
const KEPT_FILES = 3;
/** Fields whose value may be a word; under every other name only numbers and booleans are written. */
const WORD_FIELDS = new Set([
  'architecture',
  'backend',
  'call',
  'code',
  'failedBackend',
  'key',
  'kind',
  'level',
  'name',
  'phase',
  'purpose',
  'quant',
  'reason',
  'signal',
  'state',
  'status',
  'version',
]);
/** A code or an identifier. No blanks and no leading slash: neither a sentence nor a path fits. */
const WORD = /^[A-Za-z0-9_][A-Za-z0-9_.:+-]{0,63}(\/[A-Za-z0-9_]{1,40})?$/;
const EVENT = /^[a-z0-9]+([._-][a-z0-9]+)*$/;

/**
 * One log line. Redacted by construction: what is not a number, a boolean or a word of a known field is
 * written as `[redacted]`. Pure.
 */
export function logLine(atMs: number, event: string, fields: Parameters<Platform['log']>[1] = {}): string {
  const kept = Object.entries(fields).map(([key, value]) => [key, isSafe(key, value) ? value : '[redacted]']);
  return JSON.stringify({
    at: new Date(atMs).toISOString(),
    event: EVENT.test(event) ? event : '[redacted]',
    ...(kept.length > 0 ? { fields: Object.fromEntries(kept) as Record<string, unknown> } : {}),
  });
}

function isSafe(key: string, value: unknown): boolean {
  if (typeof value === 'string') return WORD_FIELDS.has(key) && WORD.test(value);
  return value === null || typeof value === 'number' || typeof value === 'boolean';
}

/** Writes lines to `leeward.log` in the folder, the newest three files of 2 MB at most; never throws. */
export function createLogger(dir: string, now: () => number = Date.now): Platform['log'] {
  const path = join(dir, FILE);
  return (event, fields) => {
    try {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) >= MAX_FILE_BYTES) rotate(path);
      appendFileSync(path, `${logLine(now(), event, fields)}\n`, { mode: 0o600 });
    } catch {
      // A full disk must not stop the app for the sake of its log.
    }
  };
}

function rotate(path: string): void {
  for (let index = KEPT_FILES - 1; index >= 1; index -= 1) {
    const from = index === 1 ? path : `${path}.${index - 1}`;
    if (statSync(from, { throwIfNoEntry: false })) renameSync(from, `${path}.${index}`);
  }
}
