import { randomUUID } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { errorCodeOf, isAppError } from '../../src-main/contract/index.ts';
import { entries } from '../../src-main/entries.ts';
import type { Store } from '../../src-main/store/api.ts';
import { latestVersion } from '../../src-main/store/migrate.ts';
import { migrations } from '../../src-main/store/migrations/index.ts';
import { openStore } from '../../src-main/store/open-store.ts';
import {
  finished,
  fullStats,
  newModel,
  newProvenance,
  newSend,
  temporaryFolder,
} from '../support/store/fixtures.ts';

let folder: ReturnType<typeof temporaryFolder>;
let store: Store;
let logged: { event: string; fields: Record<string, unknown> }[];

const open = () =>
  openStore({
    workerPath: entries.storeWorker,
    dataDir: folder.path,
    log: (event, fields = {}) => logged.push({ event, fields }),
  });

beforeEach(async () => {
  folder = temporaryFolder();
  logged = [];
  store = await open();
});

afterEach(async () => {
  await store.close();
  folder.dispose();
});

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'no error',
    (error: unknown) => errorCodeOf(error),
  );

describe('the store in its worker', () => {
  test('keeps a conversation over a restart', async () => {
    const send = newSend({ text: 'Kept?' });
    expect(await store.messages.begin(send)).toEqual({
      conversationId: send.conversationId,
      userMessageId: send.user.id,
      assistantMessageId: send.assistant.id,
      repeated: false,
    });
    await store.messages.flush({ messageId: send.assistant.id, text: 'Yes', reasoning: 'because' });
    await store.messages.finish(finished(send.assistant.id, { text: 'Yes, kept.', reasoning: 'because' }));
    await store.close();
    store = await open();
    const { conversation, messages } = await store.conversations.get({ id: send.conversationId });
    expect(conversation.messageCount).toBe(2);
    expect(messages.map(({ role, text, status }) => [role, text, status])).toEqual([
      ['user', 'Kept?', 'complete'],
      ['assistant', 'Yes, kept.', 'complete'],
    ]);
    expect(messages[1]?.stats).toEqual(fullStats);
    expect(logged.filter(({ event }) => event === 'store.opened').at(-1)?.fields).toMatchObject({
      fromVersion: latestVersion(migrations),
      toVersion: latestVersion(migrations),
      backedUp: false,
      endedHard: false,
    });
  });

  test('every entity answers through the port', async () => {
    const model = newModel();
    expect(await store.models.upsert(model)).toEqual(model);
    expect(await store.models.list(undefined)).toEqual([model]);
    const proof = newProvenance(model.id);
    await store.provenance.put(proof);
    expect(await store.provenance.get({ modelId: model.id })).toEqual(proof);
    const id = await store.ledger.open({
      sessionId: randomUUID(),
      at: 1,
      host: 'example.org',
      purpose: 'hub',
      outcome: 'open',
    });
    await store.ledger.close({ id, sentBytes: 10, receivedBytes: 20, outcome: 'done' });
    expect(await store.ledger.totals(undefined)).toEqual({ requests: 1, sentBytes: 10, receivedBytes: 20 });
    expect(await store.conversations.list(undefined)).toEqual([]);
  });

  test('errors of the contract survive the trip with code and details', async () => {
    const failure = await store.conversations.get({ id: randomUUID() }).catch((error: unknown) => error);
    expect(isAppError(failure)).toBe(true);
    expect(failure).toMatchObject({ code: 'not_found', status: 404, data: { retryable: false } });
    const send = newSend();
    await store.messages.begin(send);
    const again = { ...newSend(), requestId: randomUUID(), newConversation: send.newConversation };
    const conflict = await store.messages
      .begin({ ...again, conversationId: send.conversationId })
      .catch((error: unknown) => error);
    expect(conflict).toMatchObject({
      code: 'conflict',
      data: { retryable: true, details: { reason: 'SQLITE_CONSTRAINT_UNIQUE' } },
    });
    expect(JSON.stringify(conflict)).not.toContain('lee shore');
  });

  test('calls made without waiting run in their order', async () => {
    const send = newSend();
    await store.messages.begin(send);
    const writes = Array.from({ length: 200 }, (_, index) =>
      store.messages.flush({ messageId: send.assistant.id, text: `${index}`, reasoning: '' }),
    );
    writes.push(store.messages.finish(finished(send.assistant.id, { text: 'the end' })));
    await Promise.all(writes);
    expect((await store.messages.get({ id: send.assistant.id })).text).toBe('the end');
  });

  test('the files are private and the side files are gone after close', async () => {
    const database = join(folder.path, 'leeward.db');
    await store.messages.begin(newSend());
    for (const suffix of ['', '-wal', '-shm']) {
      expect(statSync(database + suffix).mode & 0o777, suffix).toBe(0o600);
    }
    expect(statSync(folder.path).mode & 0o777).toBe(0o700);
    await store.close();
    expect(existsSync(`${database}-wal`)).toBe(false);
    expect(existsSync(`${database}-shm`)).toBe(false);
  });

  test('close may be called twice; calls after it fail at once', async () => {
    await Promise.all([store.close(), store.close()]);
    expect(await codeOf(store.conversations.list(undefined))).toBe('store_failed');
  });

  test('a worker that cannot start is a typed error and leaves nothing running', async () => {
    const missing = openStore({
      workerPath: join(folder.path, 'missing.ts'),
      dataDir: folder.path,
      log: (event, fields = {}) => logged.push({ event, fields }),
    });
    expect(await codeOf(missing)).toBe('store_failed');
    expect(logged.some(({ event }) => event === 'store.worker_failed')).toBe(true);
  });

  test('2,000 messages cost little to read', async () => {
    const root = newSend();
    await store.messages.begin(root);
    let leaf = root.assistant.id;
    await store.messages.finish(finished(leaf, { text: 'An answer of a usual length. '.repeat(20) }));
    for (let index = 1; index < 1_000; index += 1) {
      const send = newSend({ conversationId: root.conversationId, parentId: leaf, at: 1_000 + index });
      leaf = send.assistant.id;
      await store.messages.begin(send);
      await store.messages.finish(finished(leaf, { text: 'An answer of a usual length. '.repeat(20) }));
    }
    // CPU time of both threads: the tests share the machine, the wall clock is only printed.
    const cpuMs: number[] = [];
    const wallMs: number[] = [];
    for (let round = 0; round < 9; round += 1) {
      const [startedAt, before] = [performance.now(), process.cpuUsage()];
      const { messages } = await store.conversations.get({ id: root.conversationId });
      const { user, system } = process.cpuUsage(before);
      wallMs.push(performance.now() - startedAt);
      cpuMs.push((user + system) / 1_000);
      expect(messages).toHaveLength(2_000);
    }
    const median = (times: number[]) => times.toSorted((a, b) => a - b)[times.length >> 1] ?? Infinity;
    console.info(
      `get() of 2,000 messages: ${median(wallMs).toFixed(1)} ms, CPU ${median(cpuMs).toFixed(1)} ms`,
    );
    expect(median(cpuMs)).toBeLessThan(120);
  });
});
