import { randomUUID } from 'node:crypto';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  DEFAULT_SAMPLING,
  PRESET_FORMAT,
  Preset,
  type GenerationSettings,
} from '../../src-main/contract/index.ts';
import { BUILT_IN_PRESETS, readPresetFile } from '../../src-main/conversations/presets.ts';
import type { StoredPreset } from '../../src-main/store/api.ts';
import { migrate } from '../../src-main/store/migrate.ts';
import { migrations } from '../../src-main/store/migrations/index.ts';
import { messages } from '../../src-main/store/queries/messages.ts';
import { presets } from '../../src-main/store/queries/presets.ts';
import type { Db } from '../../src-main/store/sql.ts';
import { finished, fullSampling, newSend } from '../support/store/fixtures.ts';
import * as v from 'valibot';

let db: Db;
beforeEach(() => {
  db = new Database(':memory:');
  migrate(db, migrations, 0);
  return () => db.close();
});

const preset = (over: Partial<StoredPreset> = {}): StoredPreset => ({
  id: randomUUID(),
  name: 'Sailor',
  systemPrompt: 'Use metres.',
  sampling: fullSampling,
  reasoning: { mode: 'off', budgetTokens: 7 },
  modelId: randomUUID(),
  createdAt: 1_000,
  updatedAt: 2_000,
  ...over,
});

describe('stored presets', () => {
  it('come back as they were, by name', () => {
    const rows = [
      preset({ name: 'b' }),
      preset({ name: 'A', sampling: null, reasoning: null, modelId: null }),
    ];
    presets.add(db, { presets: rows });
    expect(presets.list(db, undefined)).toEqual([rows[1], rows[0]]);
  });

  it('change in the fields that are named; a removed one is gone until it is restored', () => {
    const row = preset();
    presets.add(db, { presets: [row] });
    presets.update(db, { id: row.id, patch: { name: 'Skipper', sampling: null }, at: 3_000 });
    const changed = { ...row, name: 'Skipper', sampling: null, updatedAt: 3_000 };
    expect(presets.get(db, { id: row.id })).toEqual(changed);
    presets.remove(db, { id: row.id, at: 4_000 });
    expect(presets.list(db, undefined)).toEqual([]);
    expect(() => presets.get(db, { id: row.id })).toThrowError(/no such item/);
    presets.restore(db, { id: row.id });
    expect(presets.list(db, undefined)).toEqual([changed]);
  });
});

describe('a message', () => {
  it('keeps what it was made with and what thinking took, and can be pinned', () => {
    const send = newSend();
    messages.begin(db, send);
    const settings: GenerationSettings = {
      systemPromptHash: 'a'.repeat(64),
      sampling: fullSampling,
      reasoning: { mode: 'on', budgetTokens: 99 },
      contextSize: 4_096,
      gpuLayers: 3,
      threads: 2,
      model: { sha256: 'b'.repeat(64), sizeBytes: 77, modifiedAt: 1_234 },
      appVersion: '0.1.0',
      leftOut: [randomUUID()],
    };
    const thought = { ms: 4_012.5, tokens: 158 };
    messages.finish(db, finished(send.assistant.id, { settings, thought }));
    expect(messages.get(db, { id: send.assistant.id })).toMatchObject({ settings, thought, pinned: false });
    expect(messages.get(db, { id: send.user.id })).toMatchObject({ settings: null, thought: null });
    expect(messages.setPinned(db, { id: send.user.id, pinned: true })).toBe(send.conversationId);
    expect(messages.get(db, { id: send.user.id }).pinned).toBe(true);
    expect(() => messages.setPinned(db, { id: randomUUID(), pinned: true })).toThrowError(/no such item/);
  });
});

describe('a file of presets', () => {
  const library = [{ id: randomUUID(), name: 'Mistral 7B', fileName: 'mistral.gguf' }];
  const one = {
    name: 'Sailor',
    systemPrompt: 'Use metres.',
    sampling: fullSampling,
    reasoning: null,
    model: { name: 'Mistral 7B', fileName: 'mistral.gguf' },
  };
  const file = (items: unknown[], over = {}) =>
    JSON.stringify({ format: PRESET_FORMAT, version: 1, presets: items, ...over });

  it('gives its presets, with the model of this computer', () => {
    const { report, presets: read } = readPresetFile(file([one]), [], library);
    expect(report).toEqual({ problem: null, added: 1, known: 0, withoutModel: [], refused: [] });
    const { model, ...values } = one;
    expect(model.name).toBe('Mistral 7B');
    expect(read).toEqual([{ ...values, modelId: library[0]?.id }]);
  });

  it('is told what is known already, without its model, or does not fit', () => {
    const elsewhere = { ...one, name: 'Far', model: { name: 'Other', fileName: 'other.gguf' } };
    const hot = { ...one, name: 'Hot', sampling: { ...fullSampling, temperature: 9 } };
    const { report, presets: read } = readPresetFile(file([one, one, elsewhere, hot, 7]), [], library);
    expect(read.map(({ name }) => name)).toEqual(['Sailor', 'Far']);
    expect(report).toEqual({
      problem: null,
      added: 2,
      known: 1,
      withoutModel: [{ name: 'Far', model: 'Other' }],
      refused: [
        { place: 4, name: 'Hot', field: 'sampling.temperature' },
        { place: 5, name: null, field: null },
      ],
    });
    const known = read.map((values) => ({
      ...values,
      id: randomUUID(),
      builtIn: null,
      createdAt: 0,
      updatedAt: 0,
    }));
    expect(readPresetFile(file([one, elsewhere]), known, library).report).toMatchObject({
      added: 0,
      known: 2,
    });
  });

  it('that is another thing, of a newer app or too long adds nothing and says why', () => {
    const problemOf = (text: string) => readPresetFile(text, [], []).report.problem;
    expect(problemOf('')).toBe('not_json');
    expect(problemOf('{"format":')).toBe('not_json');
    expect(problemOf('[]')).toBe('other_format');
    expect(problemOf('null')).toBe('other_format');
    expect(problemOf(file([one], { format: 'other' }))).toBe('other_format');
    expect(problemOf(file([one], { version: 2 }))).toBe('newer_version');
    expect(problemOf(file(Array.from({ length: 1_001 }, () => one)))).toBe('too_many');
    expect(problemOf(`\uFEFF${file([one])}`)).toBeNull();
  });

  it('may hold anything and be cut anywhere: there is a report, never an error', () => {
    fc.assert(fc.property(fc.json(), (text) => void readPresetFile(text, [], library)));
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), (items) => {
        const { report, presets: read } = readPresetFile(file(items), [], library);
        expect(report.added).toBe(read.length);
        expect(report.added + report.known + report.refused.length).toBe(items.length);
      }),
    );
    const whole = file([one, { ...one, name: 'Second' }]);
    for (let end = 0; end < whole.length; end += 7) {
      expect(readPresetFile(whole.slice(0, end), [], library).report.problem).toBe('not_json');
    }
  });
});

it('the built-in presets are of the contract’s form, and one is what a chat has by itself', () => {
  for (const own of BUILT_IN_PRESETS) expect(v.is(Preset, own)).toBe(true);
  expect(BUILT_IN_PRESETS.find((own) => own.builtIn === 'balanced')?.sampling).toEqual(DEFAULT_SAMPLING);
  expect(new Set(BUILT_IN_PRESETS.map((own) => own.id)).size).toBe(3);
});
