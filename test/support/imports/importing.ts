import type { ImportClient } from '../../../src-renderer/lib/import-chats.ts';
import { importChats } from '../../../src-renderer/lib/import-chats.ts';
import type { ImportReport } from '../../../src-main/contract/index.ts';
import { createImporter, type Importer } from '../../../src-main/conversations/transfer/import.ts';
import type { Store } from '../../../src-main/store/api.ts';
import { createEventBus } from '../../../src-main/events.ts';

/** Deletes all that is marked for it. */
export async function purgeAll(store: Store): Promise<void> {
  while ((await store.trash.purgeSlice({ budgetMs: 1_000 })).more);
}

/** An importer into a store, without an app around it. */
export const importerOf = (store: Store): Importer =>
  createImporter({ store, bus: createEventBus('import'), purge: () => purgeAll(store) });

/** What the page asks of the core, without a wire between them. */
export function clientOf(importer: Importer): ImportClient {
  return {
    transfer: {
      beginImport: ({ several, sizeBytes }) => importer.begin({ several: several ?? false, sizeBytes }),
      nextImportFile: ({ importId, fileName }) => importer.nextFile(importId, fileName),
      appendImport: ({ importId, text }) => importer.append(importId, text),
      finishImport: ({ importId }) => importer.finish(importId),
      cancelImport: ({ importId }) => importer.cancel(importId),
    },
  };
}

/** A file as the page gets it; a name with folders is that of a file in a chosen folder. */
export function fileOf(name: string, content: string | Uint8Array<ArrayBuffer>): File {
  const file = new File([content], name.split('/').at(-1) ?? name);
  return name.includes('/') ? Object.defineProperty(file, 'webkitRelativePath', { value: name }) : file;
}

/** Takes files with the code of the page. */
export const taken = (
  store: Store,
  files: readonly File[],
  from: 'files' | 'folder' = 'files',
): Promise<ImportReport> =>
  importChats(
    clientOf(importerOf(store)),
    { files, from },
    { signal: new AbortController().signal, onProgress: () => {} },
  );
