import type { HubFile } from '../../../src-main/contract/index.ts';

/**
 * As many files as fit a short table, around the one that is most likely taken; adapters and the like stay at
 * the end of the full list.
 * @param path of that one; null: from the start
 */
export function nearestFiles(files: readonly HubFile[], path: string | null, count: number): HubFile[] {
  if (files.length <= count) return [...files];
  const place = Math.max(
    0,
    files.findIndex((file) => file.path === path),
  );
  const start = Math.max(0, Math.min(place - Math.floor(count / 2), files.length - count));
  return files.slice(start, start + count);
}
