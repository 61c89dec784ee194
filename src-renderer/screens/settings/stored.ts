import type { StorageItem } from '../../../src-main/contract/index.ts';

/**
 * One row a kind: a database is several files, which mean nothing to a reader. Folders of models stay apart,
 * as each has a place of its own.
 */
export function storedRows(items: readonly StorageItem[]): StorageItem[] {
  const rows: StorageItem[] = [];
  for (const item of items) {
    const same = item.kind === 'models' ? undefined : rows.find((row) => row.kind === item.kind);
    if (same === undefined) rows.push({ ...item });
    else {
      same.path = `${same.path}, ${item.path}`;
      same.sizeBytes += item.sizeBytes;
    }
  }
  return rows;
}
