import { setFlagsFromString } from 'node:v8';

/**
 * Keeps the part of the heap where new objects begin at the size that it has grown to while the program was loaded:
 * it would grow to 64 MB for one large list and never shrink while there is work. Young objects are collected more
 * often for it, at about a millisecond. Threads that are started later have the same rule.
 *
 * For plain Node alone: in Electron V8's flags cannot be written once it has begun.
 */
export function keepYoungHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
