// Opens a real store, works on it and kills itself with SIGKILL at a drawn moment inside one phase.
import { randomUUID } from 'node:crypto';
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { entries } from '../../../src-main/entries.ts';
import type { NewMessages, Store } from '../../../src-main/store/api.ts';
import { openStore } from '../../../src-main/store/open-store.ts';
import { Random } from '../gguf/random.ts';
import { finished, newSend } from './fixtures.ts';
import { openJournal, readJournal, type Operation, type Phase } from './journal.ts';

export interface KillOrder {
  dataDir: string;
  journal: string;
  target: Phase;
  seed: number;
  /** Where inside the phase: 0 its start, 1 its end as measured just before. */
  position: number;
  /** A send that was cut off: sent again with the same request id, as a client does that comes back. */
  repeat: NewMessages | null;
}

type Kind = 'begin' | 'flush' | 'finish' | 'rename' | 'trash';
const kinds: readonly Kind[] = ['begin', 'flush', 'finish', 'rename', 'trash'];
/** Large enough for commits of several pages. */
const MAX_TEXT = 12_000;

const order: KillOrder = JSON.parse(process.argv[2] ?? '');
const random = new Random(order.seed);
const note = openJournal(order.journal);
const below = (n: number) => Math.floor(random.uniform() * n);
const words = () => `${randomUUID()} `.repeat(1 + below(MAX_TEXT / 37));

const tick = () => new Promise<void>((resolve) => setImmediate(resolve));

async function killAfter(spanMs: number): Promise<never> {
  const delayMs = spanMs * order.position;
  const at = performance.now() + delayMs;
  note({ at: 'armed', phase: order.target, delayMs, spanMs });
  // Timers are a millisecond wide; a commit takes about as long.
  for (;;) {
    if (performance.now() >= at) process.kill(process.pid, 'SIGKILL');
    await tick();
  }
}

async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await tick();
}

class Worker {
  readonly #store: Store;
  readonly #known: { id: string; leaf: string | null }[];
  #streaming: { id: string; text: string } | null = null;
  /** Duration of the last call of each kind. */
  readonly spans: Partial<Record<Kind, number>> = {};

  constructor(store: Store, known: { id: string; leaf: string | null }[]) {
    this.#store = store;
    this.#known = known;
  }

  /** An operation of that kind that is valid now, after whatever it needs has been done. */
  async prepare(kind: Kind): Promise<Operation> {
    if (kind === 'begin') {
      if (this.#streaming) await this.do(await this.prepare('finish'));
      const parent = random.uniform() < 0.4 ? undefined : this.#known[below(this.#known.length)];
      const over = parent ? { conversationId: parent.id, parentId: parent.leaf } : {};
      return { kind, input: newSend({ ...over, text: words(), at: Date.now() }) };
    }
    if (kind === 'flush' || kind === 'finish') {
      if (!this.#streaming) await this.do(await this.prepare('begin'));
      const { id = '', text = '' } = this.#streaming ?? {};
      const more = { messageId: id, text: text + words(), reasoning: words().slice(0, 80) };
      if (kind === 'flush') return { kind, input: more };
      const status = (['complete', 'stopped', 'failed'] as const)[below(3)] ?? 'complete';
      return { kind, input: finished(id, { ...more, status, at: Date.now() }) };
    }
    if (this.#known.length === 0) await this.do(await this.prepare('begin'));
    const id = this.#known[below(this.#known.length)]?.id ?? '';
    return kind === 'rename'
      ? { kind, input: { id, title: words().slice(0, 60), at: Date.now() } }
      : { kind, input: { id, at: Date.now() } };
  }

  async do(operation: Operation): Promise<void> {
    const { kind } = operation;
    const phase = kind === 'interrupt' ? 'open' : kind;
    note({ at: 'start', phase, operation });
    const startedAt = performance.now();
    await this.#call(operation);
    note({ at: 'end', phase });
    if (kind !== 'interrupt') this.spans[kind] = performance.now() - startedAt;
    this.#remember(operation);
  }

  async #call({ kind, input }: Operation): Promise<unknown> {
    const { conversations, messages } = this.#store;
    if (kind === 'begin') return messages.begin(input);
    if (kind === 'flush') return messages.flush(input);
    if (kind === 'finish') return messages.finish(input);
    if (kind === 'rename') return conversations.rename(input);
    if (kind === 'trash') return conversations.trash(input);
    return messages.interruptStreaming(input);
  }

  #remember({ kind, input }: Operation): void {
    if (kind === 'begin') {
      this.#streaming = { id: input.assistant.id, text: '' };
      const known = this.#known.find(({ id }) => id === input.conversationId);
      if (known) known.leaf = input.assistant.id;
      else this.#known.push({ id: input.conversationId, leaf: input.assistant.id });
    } else if (kind === 'flush') this.#streaming = { id: input.messageId, text: input.text };
    else if (kind === 'finish') this.#streaming = null;
    else if (kind === 'trash')
      this.#known.splice(
        this.#known.findIndex(({ id }) => id === input.id),
        1,
      );
  }
}

const open = (
  dataDir: string,
  workerPath: string,
  log: (fields: Record<string, unknown>) => void = () => {},
) => openStore({ workerPath, dataDir, log: (_, fields = {}) => log(fields) });

const copyOf = (dataDir: string) => {
  const copy = `${dataDir}-measured`;
  rmSync(copy, { recursive: true, force: true });
  cpSync(dataDir, copy, { recursive: true });
  return copy;
};

async function killWhileWorking(target: Kind): Promise<void> {
  note({ at: 'start', phase: 'open', operation: null });
  const store = await open(order.dataDir, entries.storeWorker);
  note({ at: 'end', phase: 'open' });
  const listed = (await store.conversations.list(undefined)).slice(0, 5);
  const known = await Promise.all(
    listed.map(async ({ id }) => ({
      id,
      leaf: (await store.conversations.get({ id })).conversation.activeLeafId,
    })),
  );
  const worker = new Worker(store, known);
  await worker.do({ kind: 'interrupt', input: { at: Date.now() } });
  if (order.repeat) await store.messages.begin(order.repeat);

  await worker.do(await worker.prepare(target));
  for (let rest = 2 + below(8); rest > 0; rest -= 1) {
    await worker.do(await worker.prepare(kinds[below(kinds.length)] ?? 'begin'));
  }
  const operation = await worker.prepare(target);
  await Promise.all([worker.do(operation), killAfter(worker.spans[target] ?? 1)]);
}

async function killWhileOpening(): Promise<void> {
  let spanMs = 0;
  const measured = await open(
    copyOf(order.dataDir),
    entries.storeWorker,
    ({ openMs }) => (spanMs = Number(openMs)),
  );
  await measured.close();
  const sideFile = join(order.dataDir, 'leeward.db-shm');
  rmSync(sideFile, { force: true });
  note({ at: 'start', phase: 'open', operation: null });
  const opening = open(order.dataDir, entries.storeWorker).then(() => note({ at: 'end', phase: 'open' }));
  await Promise.all([opening, until(() => existsSync(sideFile)).then(() => killAfter(spanMs + 1))]);
}

async function killWhileMigrating(target: 'backup' | 'migrate'): Promise<void> {
  const workerPath = fileURLToPath(new URL('./migrating-worker.ts', import.meta.url));
  const folder = (dataDir: string) => join(dataDir, 'backups');
  const backupStarts = (dataDir: string) => () =>
    existsSync(folder(dataDir)) && readdirSync(folder(dataDir)).some((name) => name.endsWith('.partial'));
  const migrationStarts = (journal: string) => () =>
    readJournal(journal).some((entry) => entry.phase === 'migrate');

  const copy = copyOf(order.dataDir);
  const copyJournal = `${order.journal}-measured`;
  rmSync(copyJournal, { force: true });
  openJournal(copyJournal);
  process.env.LEEWARD_TEST_JOURNAL = copyJournal;
  // On a busy machine a phase can pass between two looks: then the next one counts, or the end.
  const measuredMigration = migrationStarts(copyJournal);
  const measuredBackup = backupStarts(copy);
  const measured = open(copy, workerPath);
  await until(() => measuredBackup() || measuredMigration());
  const backupAt = performance.now();
  await until(measuredMigration);
  const migrateAt = performance.now();
  await (await measured).close();
  const spanMs = target === 'backup' ? migrateAt - backupAt : performance.now() - migrateAt;

  process.env.LEEWARD_TEST_JOURNAL = order.journal;
  note({ at: 'start', phase: 'open', operation: null });
  let isOpen = false;
  const migrating = migrationStarts(order.journal);
  const opening = open(order.dataDir, workerPath).then(() => {
    note({ at: 'end', phase: 'open' });
    isOpen = true;
  });
  const kill = async () => {
    const backingUp = backupStarts(order.dataDir);
    await until(() => backingUp() || migrating() || isOpen);
    if (backingUp() && !migrating()) note({ at: 'start', phase: 'backup', operation: null });
    if (target === 'migrate') await until(() => migrating() || isOpen);
    return killAfter(spanMs);
  };
  await Promise.all([opening, kill()]);
}

/** A backup, a change after it, then the next backup or the way back: both states are whole. */
async function killWhileBackingUp(target: 'backUpNow' | 'restore'): Promise<void> {
  const store = await open(order.dataDir, entries.storeWorker);
  const call = async () => {
    if (target === 'backUpNow') return store.files.backUp({ reason: 'manual' });
    const [, oldest] = await store.files.backups(undefined);
    const how = { onStep: () => {}, prepared: () => Promise.resolve() };
    return store.files.restoreBackup({ id: oldest?.id ?? '' }, how);
  };
  await store.files.backUp({ reason: 'manual' });
  await store.files.backUp({ reason: 'daily' });
  const startedAt = performance.now();
  await call();
  const spanMs = performance.now() - startedAt;

  const [first] = await store.conversations.list(undefined);
  const operation: Operation = {
    kind: 'rename',
    input: { id: first?.id ?? '', title: words().slice(0, 60), at: Date.now() },
  };
  note({ at: 'start', phase: 'rename', operation });
  await store.conversations.rename(operation.input);
  note({ at: 'end', phase: 'rename' });
  note({ at: 'start', phase: target, operation: null });
  await Promise.all([call().then(() => note({ at: 'end', phase: target })), killAfter(spanMs)]);
}

const { target } = order;
if (target === 'open') await killWhileOpening();
else if (target === 'backup' || target === 'migrate') await killWhileMigrating(target);
else if (target === 'backUpNow' || target === 'restore') await killWhileBackingUp(target);
else await killWhileWorking(target);
