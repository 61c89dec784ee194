/** Of the free memory, for the cache of one chat: the rest is for more chats and other programs. */
const SHARE = 0.25;

interface Bytes {
  ramBytes: number;
  vramBytes: number;
}

/**
 * Whether a model with a sliding window keeps the whole context in every layer: it can then go back to any branch
 * without reading, which else takes checkpoints and reading from the nearest one. Pure.
 * @param cache of one chat, whole
 * @param free with the weights in memory
 */
export function affordsFullWindow(cache: Bytes, free: Bytes): boolean {
  return cache.ramBytes <= SHARE * free.ramBytes && cache.vramBytes <= SHARE * Math.max(0, free.vramBytes);
}
