import { stat } from 'node:fs/promises';
import type { StoredModel } from '../store/api.ts';
import type { FoundModel } from './model-files.ts';
import type { ModelHeader, ReadHeader } from './model-header.ts';

/** Headers kept for the details page: a large one holds some 100 KB. */
const KEPT_HEADERS = 8;

/** File systems write times some milliseconds late, FAT in steps of two seconds. */
const FILE_CLOCK_MS = 2_000;

/** Headers of files that were accepted. */
export type CheckedHeaders = ReturnType<typeof createCheckedHeaders>;

/**
 * Remembers which files were accepted in which state. A file counts as unchanged by its size and its change
 * time, which copying and most tools cannot set back.
 */
export function createCheckedHeaders(read: ReadHeader) {
  const kept = new Map<string, { state: string; header: ModelHeader }>();
  const accepted = new Map<string, string>();

  const of = async (found: FoundModel): Promise<ModelHeader> => {
    const { state } = await fileState(found);
    const known = kept.get(found.path);
    if (known?.state === state) return known.header;
    const header = await read(found);
    kept.delete(found.path);
    kept.set(found.path, { state, header });
    accepted.set(found.path, state);
    const [oldest] = kept.keys();
    if (kept.size > KEPT_HEADERS && oldest !== undefined) kept.delete(oldest);
    return header;
  };

  return {
    /** Changes with the file. */
    stateOf: async (found: FoundModel): Promise<string> => (await fileState(found)).state,
    /** The header, read now unless the file is as it was. */
    of,
    /** The file's state, and its header when it is not known to be what the row says. */
    async ofChanged(
      found: FoundModel,
      row: StoredModel,
    ): Promise<{ state: string; header: ModelHeader | null }> {
      const { state, changedMs } = await fileState(found);
      const asAdded = found.sizeBytes === row.sizeBytes && changedMs + FILE_CLOCK_MS < row.addedAt;
      const isKnown = asAdded || accepted.get(found.path) === state;
      return { state, header: isKnown ? null : await of(found) };
    },
  };
}

async function fileState({ partPaths }: FoundModel): Promise<{ state: string; changedMs: number }> {
  const parts = await Promise.all(partPaths.map((path) => stat(path)));
  return {
    state: parts.map(({ ino, size, mtimeMs, ctimeMs }) => [ino, size, mtimeMs, ctimeMs].join(':')).join(' '),
    changedMs: Math.max(...parts.map(({ ctimeMs }) => ctimeMs)),
  };
}
