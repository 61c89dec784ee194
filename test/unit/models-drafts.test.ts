import { expect, test } from 'vitest';
import type { StoredModel } from '../../src-main/store/api.ts';
import { createDrafts } from '../../src-main/models/drafts.ts';

const MODEL = {
  id: 'large',
  settings: { draftModelId: 'small', speculation: null },
} as unknown as StoredModel;

function kit({ lastLoadCrashed = false, damaged = '' } = {}) {
  const row = { id: 'small', path: '/small.gguf', lastLoadCrashed } as unknown as StoredModel;
  const logged: unknown[] = [];
  const drafts = createDrafts({
    store: { models: { get: async () => row } } as unknown as Parameters<typeof createDrafts>[0]['store'],
    files: { parts: async () => ({ path: row.path, sizeBytes: 7 }) } as unknown as Parameters<
      typeof createDrafts
    >[0]['files'],
    headers: { ofChanged: async () => ({ state: 'as it was', header: null }) } as unknown as Parameters<
      typeof createDrafts
    >[0]['headers'],
    log: (event, facts) => void logged.push([event, facts]),
    isDamaged: async (id) => id === damaged,
  });
  return { drafts, logged };
}

test('a draft is loaded as its file is', async () => {
  const { drafts, logged } = kit();
  expect(await drafts.forLoad(MODEL)).toEqual({
    modelId: 'small',
    path: '/small.gguf',
    sizeBytes: 7,
    fileState: 'as it was',
  });
  expect(logged).toEqual([]);
});

test.each([
  ['damaged', { damaged: 'small' }, 'model_damaged'],
  ['one that took the engine down', { lastLoadCrashed: true }, 'model_load_crashed'],
])('a draft that is %s is named and not loaded', async (_name, state, code) => {
  const { drafts, logged } = kit(state);
  expect(await drafts.forLoad(MODEL)).toEqual({ modelId: 'small', path: null, sizeBytes: 0, fileState: '' });
  expect(logged).toEqual([['models.draft_not_usable', { code }]]);
});
