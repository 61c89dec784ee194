import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { StorageItem } from '../contract/index.ts';
import { createModelFiles } from '../models/model-files.ts';
import { shortPath } from '../models/short-path.ts';
import type { AllowedFolder } from '../platform.ts';
import { STATES_FOLDER } from '../state-cache/state-cache.ts';

/**
 * What the app keeps on disk: every entry of the data folder, and the model files in each allowed folder,
 * which may lie in the data folder too.
 * @returns sizes in bytes; paths relative to the data folder, those of model folders shortened
 */
export async function storedItems({
  dataDir,
  modelFolders,
}: {
  dataDir: string;
  modelFolders: readonly AllowedFolder[];
}): Promise<StorageItem[]> {
  const root = await realpath(dataDir);
  const isModelFolder = (name: string) => modelFolders.some(({ path }) => path === join(root, name));
  const names = (await readdir(dataDir)).sort();
  const own = names
    .filter((name) => !isModelFolder(name))
    .map(async (name): Promise<StorageItem> => {
      const sizeBytes = await sizeOf(join(dataDir, name));
      return { kind: kindOf(name), path: name, sizeBytes };
    });
  const models = modelFolders.map(async (folder): Promise<StorageItem> => {
    const found = await createModelFiles(() => [folder]).list();
    const sizeBytes = found.reduce((sum, model) => sum + model.found.sizeBytes, 0);
    return { kind: 'models', path: shortPath(folder.path), sizeBytes };
  });
  return Promise.all([...own, ...models]);
}

function kindOf(name: string): StorageItem['kind'] {
  if (/backup/iu.test(name)) return 'backups';
  if (name === STATES_FOLDER) return 'states';
  if (/\.(?:db|sqlite)(?:-wal|-shm|-journal)?$/iu.test(name)) return 'database';
  if (/^logs?$|\.log$/iu.test(name)) return 'logs';
  return name.startsWith('secrets.') ? 'secrets' : 'settings';
}

/** Bytes of a file or of everything in a folder; 0 when it has just gone. Links are not followed. */
async function sizeOf(path: string): Promise<number> {
  try {
    const entries = await readdir(path, { withFileTypes: true, recursive: true }).catch(() => null);
    if (entries === null) return (await stat(path)).size;
    const sizes = await Promise.all(
      entries
        .filter((entry) => entry.isFile())
        .map((entry) =>
          stat(join(entry.parentPath, entry.name)).then(
            ({ size }) => size,
            () => 0,
          ),
        ),
    );
    return sizes.reduce((sum, size) => sum + size, 0);
  } catch {
    return 0;
  }
}
