import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { closeDatabase, openDatabase } from '../../../src-main/store/database.ts';
import { databaseFile } from '../../../src-main/store/files.ts';
import { migrations } from '../../../src-main/store/migrations/index.ts';
import { indexSlice } from '../../../src-main/store/queries/search-index.ts';
import { all, run, type Db } from '../../../src-main/store/sql.ts';
import { Texts } from './texts.ts';

// 10,000 chats with 1,000,000 messages, written through the real migrations and indexed by the store's own code.

/** Raised when what is written changes, so that no old history is measured. */
const FORMAT = 3;
const SEED = 20_261_123;
export const LONG_MESSAGES = 2_000;
export const LONG_TITLE = 'The long conversation';
/** Memory for pages while the index is built. */
const CACHE_KIB = 400_000;
const INDEX_SLICE_MS = 2_000;
const FIRST_DAY = Date.UTC(2024, 0, 1);
const DAY_MS = 86_400_000;
const DAYS = 1_040;
/** Trash that is a month old would be deleted by the app while it is measured. */
const TRASHED_AT = Date.now() - DAY_MS;
const SECOND_MS = 1_000;
const FOLDERS = 40;
const TAGS = 30;
const MODELS = 5;
/** Messages whose words are looked up later: one of so many. */
const SAMPLE_EVERY = 997;

/** What the queries are made of, told by the generator. */
export interface HistoryFacts {
  messages: number;
  conversations: number;
  longId: string;
  /** Of an ordinary chat, in the middle of the list. */
  shortId: string;
  folderIds: string[];
  tagIds: string[];
  modelIds: string[];
  /** Texts of messages, as they are. */
  samples: string[];
  generatedSeconds: number;
}

export interface History {
  dataDir: string;
  facts: HistoryFacts;
}

class Ids {
  readonly #texts: Texts;
  constructor(texts: Texts) {
    this.#texts = texts;
  }
  /** A version 4 UUID from the seed. */
  next(): string {
    const word = () => this.#texts.random.uint32().toString(16).padStart(8, '0');
    const hex = word() + word() + word() + word();
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
  }
}

/** Messages of each chat: one long one, the others from a few to several hundred, the given number in all. */
function sizes(conversations: number, messages: number, texts: Texts): number[] {
  const weights = Array.from({ length: conversations - 1 }, () => Math.exp(texts.random.normal() * 0.8));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const rest = messages - LONG_MESSAGES;
  const counts = weights.map((weight) => Math.max(2, Math.floor((weight / total) * rest)));
  let missing = rest - counts.reduce((sum, count) => sum + count, 0);
  for (let i = 0; missing !== 0; i = (i + 1) % counts.length) {
    const step = Math.sign(missing);
    if ((counts[i] ?? 0) + step < 2) continue;
    counts[i] = (counts[i] ?? 0) + step;
    missing -= step;
  }
  counts.splice(Math.floor(counts.length / 2), 0, LONG_MESSAGES);
  return counts;
}

interface Order {
  folderIds: string[];
  tagIds: string[];
  modelIds: string[];
}

function writeOrder(db: Db, texts: Texts, ids: Ids): Order {
  const folderIds: string[] = [];
  for (let i = 0; i < FOLDERS; i++) {
    const id = ids.next();
    // Every third lies inside an earlier one.
    const parentId = i % 3 === 2 ? (folderIds[i >> 1] ?? null) : null;
    run(db, 'INSERT INTO folders (id, name, parent_id, created_at) VALUES (@id, @name, @parentId, @at)', {
      id, name: `${texts.words('english', 2)} ${i}`, parentId, at: FIRST_DAY,
    }); // prettier-ignore
    folderIds.push(id);
  }
  const tagIds = Array.from({ length: TAGS }, (_, i) => {
    const id = ids.next();
    const name = `${texts.word('english')} ${i}`;
    run(db, 'INSERT INTO tags (id, name, folded) VALUES (@id, @name, @name)', { id, name });
    return id;
  });
  return { folderIds, tagIds, modelIds: Array.from({ length: MODELS }, () => ids.next()) };
}

class Writer {
  readonly samples: string[] = [];
  readonly #db: Db;
  readonly #texts: Texts;
  readonly #ids: Ids;
  readonly #order: Order;
  #written = 0;

  constructor(db: Db, texts: Texts, ids: Ids, order: Order) {
    this.#db = db;
    this.#texts = texts;
    this.#ids = ids;
    this.#order = order;
  }

  /** @returns the id of the chat */
  conversation(title: string | null, count: number, startedAt: number): string {
    const { random } = this.#texts;
    const script = this.#texts.script();
    const id = this.#ids.next();
    const draw = random.uint32() % 100;
    const pick = (from: string[]) => from[random.uint32() % from.length] ?? null;
    const endedAt = startedAt + count * 20 * SECOND_MS;
    const modelId = pick(this.#order.modelIds);
    run(
      this.#db,
      `INSERT INTO conversations (id, title, title_source, created_at, updated_at, trashed_at, model_id, folder_id,
        pinned_at, archived_at)
        VALUES (@id, @title, 'auto', @startedAt, @endedAt, @trashedAt, @modelId, @folderId, @pinnedAt, @archivedAt)`,
      {
        id, startedAt, endedAt, modelId,
        title: title ?? this.#texts.words(script, 3 + (draw % 5)).replace('.', ''),
        trashedAt: title === null && draw === 0 ? TRASHED_AT : null,
        folderId: draw < 60 ? pick(this.#order.folderIds) : null,
        pinnedAt: title === null && draw === 1 && random.uint32() % 10 === 0 ? endedAt : null,
        archivedAt: title === null && draw >= 2 && draw < 10 ? endedAt : null,
      },
    ); // prettier-ignore
    if (draw % 4 === 0) this.#tag(id, pick(this.#order.tagIds));
    const leaf = this.#messages(id, script, count, startedAt, modelId);
    run(this.#db, 'UPDATE conversations SET active_leaf_id = @leaf WHERE id = @id', { leaf, id });
    return id;
  }

  #tag(conversationId: string, tagId: string | null): void {
    if (tagId === null) return;
    run(this.#db, 'INSERT INTO conversation_tags VALUES (@conversationId, @tagId)', {
      conversationId,
      tagId,
    });
  }

  /** Question and answer in turn; some answers were given again. @returns the leaf */
  #messages(
    conversationId: string,
    script: ReturnType<Texts['script']>,
    count: number,
    startedAt: number,
    modelId: string | null,
  ): string | null {
    const { random } = this.#texts;
    let question: string | null = null;
    let leaf: string | null = null;
    for (let i = 0; i < count; i++) {
      // One answer in twenty has another version, beside it under the same question. The last message is an answer.
      const isAgain: boolean =
        question !== null && leaf !== question && (i === count - 1 || random.uint32() % 20 === 0);
      const isUser = !isAgain && (leaf === null || leaf !== question);
      const id = this.#ids.next();
      const text = isUser
        ? this.#texts.words(script, 4 + (random.uint32() % 24))
        : this.#texts.answer(script, 16 + (random.uint32() % 100));
      run(
        this.#db,
        `INSERT INTO messages (id, conversation_id, parent_id, role, text, status, model_id, created_at, ended_at)
          VALUES (@id, @conversationId, @parentId, @role, @text, 'complete', @modelId, @at, @at)`,
        {
          id, conversationId, text,
          parentId: isUser ? leaf : question,
          role: isUser ? 'user' : 'assistant',
          modelId: isUser ? null : modelId,
          at: startedAt + i * 20 * SECOND_MS,
        },
      ); // prettier-ignore
      if (isUser) question = id;
      leaf = id;
      this.#written += 1;
      if (this.#written % SAMPLE_EVERY === 0) this.samples.push(text);
    }
    return leaf;
  }
}

function fill(
  db: Db,
  { conversations, messages }: { conversations: number; messages: number },
  report: (line: string) => void,
): Omit<HistoryFacts, 'generatedSeconds'> {
  const texts = new Texts(SEED);
  const ids = new Ids(texts);
  db.pragma('synchronous = OFF');
  db.pragma(`cache_size = -${CACHE_KIB}`);
  const order = db.transaction(() => writeOrder(db, texts, ids))();
  const writer = new Writer(db, texts, ids, order);
  const counts = sizes(conversations, messages, texts);
  const day = (DAYS * DAY_MS) / counts.length;
  let longId = '';
  let shortId = '';
  for (let from = 0; from < counts.length; from += 100) {
    db.transaction(() => {
      for (let i = from; i < Math.min(from + 100, counts.length); i++) {
        const count = counts[i] ?? 2;
        const isLong = count === LONG_MESSAGES && longId === '';
        const id = writer.conversation(isLong ? LONG_TITLE : null, count, FIRST_DAY + Math.floor(i * day));
        if (isLong) longId = id;
        else shortId = i <= counts.length / 4 ? id : shortId;
      }
    })();
    if (from % 2_000 === 0) report(`${from} of ${counts.length} chats written`);
  }
  const waiting = () => all<{ n: number }>(db, 'SELECT count(*) AS n FROM search_pending_messages')[0]?.n;
  for (let slices = 1; db.transaction(() => indexSlice(db, INDEX_SLICE_MS))(); slices++)
    if (slices % 10 === 0) report(`${waiting()} messages wait for the index`);
  db.exec('ANALYZE');
  return { messages, conversations, longId, shortId, ...order, samples: writer.samples };
}

/** Of the schema as the migrations make it, so that a changed migration makes a new history. */
async function schemaKey(folder: string): Promise<string> {
  const dataDir = join(folder, `schema-${process.pid}`);
  const { db } = openDatabase(dataDir, migrations);
  const schema = all(db, 'SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name');
  closeDatabase(db);
  await rm(dataDir, { recursive: true });
  return JSON.stringify(schema);
}

/** Else the system would write a gigabyte while the first round is measured, and every commit would wait for it. */
async function toDisk(path: string): Promise<void> {
  const file = await open(path, 'r+');
  await file.sync();
  await file.close();
}

/** The data folder of a large history: the one there is for this schema and these counts, or a new one. */
export async function largeHistory(
  folder: string,
  counts: { conversations: number; messages: number },
  report: (line: string) => void,
): Promise<History> {
  await mkdir(folder, { recursive: true });
  const key = createHash('sha256')
    .update(JSON.stringify([FORMAT, SEED, counts, await schemaKey(folder)]))
    .digest('hex')
    .slice(0, 16);
  const root = join(folder, `history-${key}`);
  const dataDir = join(root, 'data');
  const factsFile = join(root, 'facts.json');
  if (!existsSync(factsFile)) {
    const startedAt = performance.now();
    const fresh = `${root}.new`;
    await rm(fresh, { recursive: true, force: true });
    const { db } = openDatabase(join(fresh, 'data'), migrations);
    const facts = fill(db, counts, report);
    closeDatabase(db);
    await toDisk(databaseFile(join(fresh, 'data')));
    const generatedSeconds = Math.round((performance.now() - startedAt) / SECOND_MS);
    await writeFile(join(fresh, 'facts.json'), JSON.stringify({ ...facts, generatedSeconds }));
    await rename(fresh, root);
    report(`history written in ${generatedSeconds} s`);
  }
  const facts: HistoryFacts = JSON.parse(await readFile(factsFile, 'utf8'));
  return { dataDir, facts };
}
