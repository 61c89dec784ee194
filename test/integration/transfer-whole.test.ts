import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import * as v from 'valibot';
import { afterEach, describe, expect, test } from 'vitest';
import { createExporter } from '../../src-main/conversations/transfer/export.ts';
import { entries } from '../../src-main/entries.ts';
import { TrainingFilters, type NewAttachment } from '../../src-main/contract/index.ts';
import type { Store } from '../../src-main/store/api.ts';
import { openStore } from '../../src-main/store/open-store.ts';
import { fileOf, taken } from '../support/imports/importing.ts';
import {
  finished,
  fullSampling,
  fullStats,
  newAnswer,
  newSend,
  temporaryFolder,
} from '../support/store/fixtures.ts';

/** Tables of which a file of chats holds every row, by what a row is known by. */
const TABLES = {
  conversations: 'id',
  messages: 'id',
  generations: 'message_id',
  attachments: 'id',
  queued_messages: 'id',
  queued_files: 'id',
  conversation_tags: "conversation_id || ' ' || tag_id",
  conversation_models: "conversation_id || ' ' || model_id",
  folders: 'id',
  tags: 'id',
} as const;

/** Tables that hold nothing of a chat that goes out, or follow from the others. */
const OTHERS = [
  /^search_/,
  /^sqlite_/,
  /^(?:models|ledger|adapters|presets|imports)$/,
  /^(?:model|hidden_model|attached|kept)_/,
  // What is on its way out, and what is typed at a turn and not sent.
  /^(?:deleted_chats|turn_edits)$/,
  // Figures without a chat, and runs of the lab: they have files of their own.
  /^(?:sample_setups|generation_samples|bench_)/,
];

/** Columns that the import sets by itself, and why. */
const OWN: Record<string, string> = {
  'conversations.seq': 'a row number',
  'conversations.renamed_at': 'orders titles against those that a model still writes',
  'conversations.trashed_at': 'the trash does not go out',
  'conversations.temporary': 'a temporary chat is in memory only',
  'conversations.import_id': 'which import brought it',
  'messages.seq': 'a row number',
  'messages.request_id': 'told apart while it is sent',
  'messages.ended_at': 'the import takes the begin for it',
  'messages.removed_at': 'removed branches do not go out',
  'messages.removed_by': 'removed branches do not go out',
  'generations.finished_at': 'the import takes the begin of the answer for it',
  'generations.copied': 'set: it was measured elsewhere',
};

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function newStore(): Promise<{ store: Store; path: string }> {
  const folder = temporaryFolder();
  const store = await openStore({
    workerPath: entries.storeWorker,
    dataDir: folder.path,
    log: () => undefined,
  });
  cleanups.push(folder.dispose, () => store.close());
  return { store, path: folder.path };
}

type Row = Record<string, unknown>;
type Dump = Map<string, { rows: Map<string, Row>; columns: { name: string; plain: unknown }[] }>;

/** Every row of every table, by name. */
function dumpOf(path: string): Dump {
  const db = new Database(join(path, 'leeward.db'), { readonly: true });
  try {
    const names = db
      .prepare<[], { name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
      .all();
    const dump: Dump = new Map();
    for (const { name } of names) {
      if (OTHERS.some((other) => other.test(name))) continue;
      const key = Object.entries(TABLES).find(([table]) => table === name)?.[1] ?? 'rowid';
      const rows = db.prepare<[], Row>(`SELECT ${key} AS "the key", * FROM ${name} ORDER BY 1`).all();
      const columns = db
        .prepare<[], { name: string; dflt_value: string | null }>(`PRAGMA table_info(${name})`)
        .all()
        .map((column) => ({ name: column.name, plain: plainOf(column.dflt_value) }));
      dump.set(name, {
        rows: new Map(rows.map(({ 'the key': id, ...row }) => [String(id), row])),
        columns,
      });
    }
    return dump;
  } finally {
    db.close();
  }
}

/** What a column holds when nobody wrote to it. */
const plainOf = (text: string | null): unknown =>
  text === null ? null : text.startsWith("'") ? text.slice(1, -1) : Number(text);

/** JSON is the same in any order of its keys. */
const valueOf = (value: unknown): unknown =>
  typeof value === 'string' && value.startsWith('{') ? JSON.parse(value) : value;

const file = (name: string): NewAttachment => ({
  id: randomUUID(),
  name,
  kind: 'pdf',
  sizeBytes: 77,
  text: `First page of ${name}. Second page.`,
  pageStarts: [0, 23],
  parts: [{ start: 3, end: 9 }],
});

/** A chat in which nothing that can be set is left as it is by default. */
async function fullChat(store: Store): Promise<void> {
  const folders = [randomUUID(), randomUUID()] as const;
  for (const [index, id] of folders.entries())
    await store.folders.create({
      ...{ id, name: `Folder ${index}`, parentId: folders[index - 1] ?? null, createdAt: 5 + index },
      ...{ modelId: randomUUID(), systemPrompt: 'Metres.' },
    });
  const send = newSend({
    text: 'Which knot?',
    at: 1_000,
    settings: {
      ...{ modelId: randomUUID(), systemPrompt: 'You sail.', sampling: fullSampling },
      ...{ reasoning: { mode: 'on', budgetTokens: 64 }, presetId: randomUUID() },
    },
  });
  const id = send.conversationId;
  await store.messages.begin({
    ...send,
    user: { ...send.user, files: [file('chart.pdf'), file('log.pdf')] },
  });
  const settings = {
    ...{ sampling: fullSampling, reasoning: { mode: 'off' as const, budgetTokens: null } },
    ...{ contextSize: 4096, gpuLayers: 3, threads: 2, appVersion: '0.1.0', systemPromptHash: 'ab' },
    ...{ model: { sha256: 'f'.repeat(64), sizeBytes: 5, modifiedAt: 6 }, leftOut: [send.user.id] },
  };
  await store.messages.finish(
    finished(send.assistant.id, {
      ...{
        text: 'A bowline.',
        reasoning: 'Hm.',
        thought: { ms: 12.5, tokens: 3 },
        settings,
        stats: fullStats,
      },
    }),
  );
  const again = { ...newAnswer(id, send.user.id), beginning: { text: 'A clove', reasoning: '' } };
  await store.messages.begin(again);
  await store.messages.finish(
    finished(again.assistant.id, {
      ...{ text: 'A clove hitch.', status: 'failed', errorCode: 'context_full', errorDetails: { n: 1 } },
    }),
  );
  await store.tree.addVersion({
    ...{ requestId: randomUUID(), siblingId: send.assistant.id, id: randomUUID(), text: 'None.', at: 2_500 },
  });
  await store.messages.setPinned({ id: send.user.id, pinned: true });
  const tag = await store.tags.create({ id: randomUUID(), name: 'Knots' });
  const change = { folderId: folders[1], addTags: [tag.id], pinned: true, archived: true };
  await store.history.update({ ids: [id], change, at: 9_000 });
  await store.conversations.saveDraft({ id, draft: 'and then' });
  for (const text of ['First', 'Second'])
    await store.queue.add({
      ...{ conversationId: id, id: randomUUID(), text, place: null, at: 10, files: [file(text), file('b')] },
    });
  await store.conversations.rename({ id, title: 'Knots', at: 11 });
}

describe('a file of our own', () => {
  test('carries every column of every table of a chat into an empty store', async () => {
    const from = await newStore();
    await fullChat(from.store);
    const exporter = createExporter({ store: from.store });
    const { exportId } = await exporter.begin({
      conversationIds: null,
      format: 'json',
      training: v.parse(TrainingFilters, {}),
    });
    const { text, isLast } = await exporter.read(exportId);
    expect(isLast).toBe(true);
    const into = await newStore();
    expect(await taken(into.store, [fileOf('chats.json', text)])).toMatchObject({ chats: 1, leftOut: [] });

    const [before, after] = [dumpOf(from.path), dumpOf(into.path)];
    expect([...before.keys()].sort()).toEqual(Object.keys(TABLES).sort());
    const all = [...before].flatMap(([table, { columns }]) => columns.map(({ name }) => `${table}.${name}`));
    expect(all).toEqual(expect.arrayContaining(Object.keys(OWN)));
    for (const [table, { rows, columns }] of before) {
      const copied = after.get(table)?.rows ?? new Map<string, Row>();
      expect([...copied.keys()], table).toEqual([...rows.keys()]);
      for (const { name, plain } of columns) {
        const column = `${table}.${name}`;
        if (OWN[column] !== undefined) continue;
        // A new column has to be set above, or it is not known whether it goes out and comes back.
        expect(
          [...rows.values()].some((row) => row[name] !== plain),
          `${column} is set somewhere`,
        ).toBe(true);
        for (const [id, row] of rows)
          expect(valueOf(copied.get(id)?.[name]), `${column} of ${id}`).toEqual(valueOf(row[name]));
      }
    }
  });
});
