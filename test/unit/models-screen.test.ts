import { describe, expect, it } from 'vitest';
import type { Model, ModelFile } from '../../src-main/contract/index.ts';
import { failureKind } from '../../src-renderer/screens/models/failures.ts';
import { sizeLine, usedAt } from '../../src-renderer/screens/models/figures.ts';
import { licenceTone, licenceView } from '../../src-renderer/screens/models/licences.ts';
import {
  filterModels,
  licencesOf,
  matchDropped,
  matchesWords,
  narrowModels,
  sortModels,
  totalBytes,
} from '../../src-renderer/screens/models/list.ts';

function model(part: Partial<Model>): Model {
  return {
    id: '00000000-0000-4000-8000-000000000000',
    kind: 'model',
    name: 'Mistral 7B Instruct v0.3',
    ownName: 'Mistral 7B Instruct v0.3',
    adapters: [],
    fileName: 'mistral.gguf',
    location: 'models/mistral.gguf',
    sizeBytes: 4_372_812_000,
    architecture: 'llama',
    parameterCount: 7_248_023_552,
    quant: 'Q4_K_M',
    trainedContextSize: 32_768,
    licence: 'apache-2.0',
    hasChatTemplate: true,
    parts: 1,
    addedAt: 1,
    lastUsedAt: null,
    available: true,
    lastLoadCrashed: false,
    settings: {
      contextSize: null,
      gpuLayers: null,
      threads: null,
      flashAttention: null,
      sampling: null,
      chatTemplate: null,
      keepLoadedMinutes: null,
      speculation: null,
      cacheType: null,
      liveChats: null,
      draftModelId: null,
    },
    notes: '',
    canDelete: true,
    builtIn: false,
    ...part,
  };
}

function file(part: Partial<ModelFile>): ModelFile {
  return {
    fileId: 'f1',
    fileName: 'a.gguf',
    location: 'models/a.gguf',
    sizeBytes: 100,
    modelId: null,
    ...part,
  };
}

describe('filter of the model list', () => {
  it('finds every word, in any of name, file, licence, quant and architecture', () => {
    const list = [model({ name: 'Qwen3 8B', quant: 'Q5_K_M' }), model({ licence: null })];
    expect(filterModels(list, 'qwen q5').map((each) => each.name)).toEqual(['Qwen3 8B']);
    expect(filterModels(list, 'APACHE')).toHaveLength(1);
    expect(filterModels(list, '  ')).toHaveLength(2);
    expect(filterModels(list, 'gemma')).toEqual([]);
  });

  it('narrows by licence and by what fits, and shows what is not known yet', () => {
    const list = [
      model({ id: 'a', licence: 'mit' }),
      model({ id: 'b', licence: 'llama3.2' }),
      model({ id: 'c', licence: null }),
    ];
    const ids = (filters: Parameters<typeof narrowModels>[1]) =>
      narrowModels(list, filters).map(({ id }) => id);
    expect(licencesOf([...list, ...list])).toEqual(['Llama 3.2', 'MIT']);
    expect(ids({ licence: 'MIT', fits: null })).toEqual(['a']);
    expect(ids({ licence: null, fits: ({ id }) => (id === 'c' ? null : id === 'b') })).toEqual(['b', 'c']);
    expect(ids({ licence: null, fits: null })).toEqual(['a', 'b', 'c']);
  });

  it('never matches a value that is not there', () => {
    expect(matchesWords('null', [null])).toBe(false);
  });
});

describe('order of the model list', () => {
  const used = model({ name: 'used', lastUsedAt: 50, sizeBytes: 1 });
  const newer = model({ name: 'added later', addedAt: 9, sizeBytes: 3 });
  const older = model({ name: 'added first', addedAt: 2, sizeBytes: 2 });
  const names = (list: Model[]): string[] => list.map((each) => each.name);

  it('puts used ones first, then the newest, and leaves its input alone', () => {
    const input = [older, newer, used];
    expect(names(sortModels(input, 'lastUsed'))).toEqual(['used', 'added later', 'added first']);
    expect(input[0]).toBe(older);
  });

  it('sorts by size from the largest and by name with numbers as numbers', () => {
    expect(names(sortModels([used, newer, older], 'size'))).toEqual(['added later', 'added first', 'used']);
    expect(names(sortModels([model({ name: 'M 10B' }), model({ name: 'M 8B' })], 'name'))).toEqual([
      'M 8B',
      'M 10B',
    ]);
  });

  it('adds up sizes', () => {
    expect(totalBytes([used, newer, older])).toBe(6);
    expect(totalBytes([])).toBe(0);
  });
});

describe('dropped files', () => {
  it('are found by name and size, each once', () => {
    const known = [file({}), file({ fileId: 'f2', fileName: 'b.gguf', sizeBytes: 7 })];
    const found = matchDropped(
      [
        { name: 'a.gguf', sizeBytes: 100 },
        { name: 'a.gguf', sizeBytes: 100 },
        { name: 'b.gguf', sizeBytes: 8 },
      ],
      known,
    );
    expect(found.matched.map((each) => each.fileId)).toEqual(['f1']);
    expect(found.unmatched).toEqual(['b.gguf']);
  });

  it('match a split model by any of its parts', () => {
    const known = [file({ fileName: 'big-00001-of-00003.gguf', sizeBytes: 300 })];
    const drop = (name: string): number => matchDropped([{ name, sizeBytes: 100 }], known).matched.length;
    expect(drop('big-00002-of-00003.gguf')).toBe(1);
    expect(drop('other-00002-of-00003.gguf')).toBe(0);
    expect(drop('big-00002-of-00004.gguf')).toBe(0);
    expect(drop('big.gguf')).toBe(0);
  });
});

describe('licences', () => {
  it('names the known ones and says what they allow', () => {
    expect(licenceView('apache-2.0')).toMatchObject({ label: 'Apache-2.0', restricted: false });
    expect(licenceView('GPL-3.0-only')).toMatchObject({ label: 'GPL-3.0' });
    expect(licenceView('llama3.2')).toMatchObject({ label: 'Llama 3.2', restricted: true });
    expect(licenceView('apache-2.0')?.plain).toContain('work');
  });

  it('shows an unknown one as it is, and none as none', () => {
    expect(licenceView('acme-1')).toEqual({ label: 'acme-1', plain: null, restricted: false });
    expect(licenceView('  ')).toBeNull();
    expect(licenceView(null)).toBeNull();
    for (const name of ['constructor', '__proto__', 'toString'])
      expect(licenceView(name)).toEqual({ label: name, plain: null, restricted: false });
  });

  it('is green only where it is known to allow work', () => {
    const toneOf = (licence: string) => {
      const view = licenceView(licence);
      return view && licenceTone(view);
    };
    expect(['mit', 'gemma', 'acme-1'].map(toneOf)).toEqual(['ok', 'warn', 'plain']);
  });
});

it('the second line of a row holds what the header knows', () => {
  expect(sizeLine(7_248_023_552, 32_768, 1)).toMatch(/^7.25B, 32k context$/);
  expect(sizeLine(null, null, 3)).toBe('3 files');
  expect(sizeLine(null, null, 1)).toBe('');
});

it('"last used" never shows a bare time for another day', () => {
  const noon = new Date(2026, 10, 23, 12).getTime();
  const day = 24 * 3_600_000;
  expect(usedAt(null, noon)).toBe('Never');
  expect(usedAt(noon - 3_600_000, noon)).toMatch(/11/);
  expect(usedAt(noon - day, noon)).not.toMatch(/\d/);
  expect(usedAt(noon - 7 * day, noon)).toMatch(/16/);
});

it('a crashed load is never tried again by the plain step', () => {
  expect(failureKind('model_load_crashed').steps[0]).toBe('load_anyway');
  expect(failureKind('model_load_crashed').steps).not.toContain('try_again');
});
