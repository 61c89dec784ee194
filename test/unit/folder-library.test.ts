import { expect, test } from 'vitest';
import { createFolderLibrary } from '../../src-main/models/folder-library.ts';
import type { ModelSource } from '../../src-main/models/model-files.ts';
import type { ModelSources } from '../../src-main/models/model-sources.ts';
import { newModel } from '../support/store/fixtures.ts';

test('a folder that is taken off keeps the models that another allowed folder holds as well', async () => {
  let folders: ModelSource[] = [
    { id: 'own', path: '/home/me/models' },
    { id: 'around', path: '/home/me' },
  ];
  const sources: ModelSources = {
    list: () => folders,
    appOf: () => null,
    isRemovable: (id) => id === 'around',
    otherApps: [],
    sourceOf: ({ path }) => ({ id: path, path }),
    add: () => Promise.reject(new Error('not asked for')),
    remove: async (id) => void (folders = folders.filter((folder) => folder.id !== id)),
  };
  const rows = [newModel({ path: '/home/me/models/a.gguf' }), newModel({ path: '/home/me/b.gguf' })];
  const removed: string[] = [];
  const library = createFolderLibrary(
    sources,
    {
      rows: async () => rows,
      hidden: async () => [],
      add: () => Promise.reject(new Error('not asked for')),
      remove: async (id) => void removed.push(id),
    },
    () => {},
  );
  await library.removeFolder('around');
  expect(removed).toEqual([rows[1]?.id]);
});
