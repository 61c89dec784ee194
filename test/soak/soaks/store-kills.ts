import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { isAppError } from '../../../src-main/contract/index.ts';
import { listBackups } from '../../../src-main/store/backup.ts';
import { backupFolder } from '../../../src-main/store/files.ts';
import { closeDatabase, openDatabase } from '../../../src-main/store/database.ts';
import { migrate, type Migration } from '../../../src-main/store/migrate.ts';
import { migrations } from '../../../src-main/store/migrations/index.ts';
import { messages } from '../../../src-main/store/queries/messages.ts';
import { Random } from '../../support/gguf/random.ts';
import { finished, newSend, temporaryFolder } from '../../support/store/fixtures.ts';
import { readJournal, type Entry, type Operation, type Phase } from '../../support/store/journal.ts';
import type { KillOrder } from '../../support/store/kill-child.ts';
import { longMigrations } from '../../support/store/long-migrations.ts';
import { apply, differences, snapshot, type Reference } from '../../support/store/reference.ts';
import { partSeed, type SoakContext, type SoakResult } from '../soak.ts';

export const name = 'store-kills';
export const defaultCount = 200;

/** Aimed at in turn; the first five are what the small count of `npm test` meets. */
const targets: readonly Phase[] = [
  'begin',
  'flush',
  'finish',
  'migrate',
  'backup',
  'open',
  'rename',
  'trash',
  'backUpNow',
  'restore',
];
/** A phase that is hit less often proves nothing. */
const LEAST_HITS = 5;
/** Below this count not every phase can be expected to be hit so often. */
const COUNT_FOR_LEAST_HITS = targets.length * LEAST_HITS * 2;
/** A child works for well under a second; this one hangs. */
const CHILD_TIMEOUT_MS = 30_000;
const SEEDED_CONVERSATIONS = 100;

const childScript = fileURLToPath(new URL('../../support/store/kill-child.ts', import.meta.url));

interface Progress {
  done: number;
  hits: Partial<Record<Phase | 'between', number>>;
  /** The change in flight at the kill was there afterwards, or was not; nothing in between is allowed. */
  inFlightKept: number;
  inFlightGone: number;
  rowsCompared: number;
  backupsChecked: number;
  failures: string[];
}

const nothingDone: Progress = {
  done: 0,
  hits: {},
  inFlightKept: 0,
  inFlightGone: 0,
  rowsCompared: 0,
  backupsChecked: 0,
  failures: [],
};

function isProgress(value: unknown): value is Progress {
  return typeof value === 'object' && value !== null && 'done' in value && 'failures' in value;
}

/** A data folder with some thousand messages, so that backups and migrations take time. */
function seedDatabase(dataDir: string): Reference {
  const { db } = openDatabase(dataDir, migrations);
  db.transaction(() => {
    for (let index = 0; index < SEEDED_CONVERSATIONS; index += 1) {
      let turn = newSend({ text: `Question ${index}. `.repeat(30) });
      for (let depth = 0; depth < 10; depth += 1) {
        messages.begin(db, turn);
        messages.finish(db, finished(turn.assistant.id, { text: `Answer ${index}.${depth}. `.repeat(40) }));
        const { conversationId, assistant } = turn;
        turn = newSend({ conversationId, parentId: assistant.id, text: `More ${depth}. `.repeat(30) });
      }
    }
  })();
  const reference = snapshot(db);
  closeDatabase(db);
  return reference;
}

/** What the killed process left on the disk; without the file that a reboot would not leave either. */
function leftBehind(dataDir: string, as: string): string {
  rmSync(as, { recursive: true, force: true });
  cpSync(dataDir, as, { recursive: true });
  rmSync(join(as, 'leeward.db-shm'), { force: true });
  return as;
}

async function runChild(order: KillOrder): Promise<string | null> {
  const child = spawn(process.execPath, [childScript, JSON.stringify(order)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const timer = setTimeout(() => child.kill('SIGTERM'), CHILD_TIMEOUT_MS);
  await once(child, 'close');
  clearTimeout(timer);
  return child.signalCode === 'SIGKILL'
    ? null
    : `ended by ${child.signalCode ?? child.exitCode}: ${said.slice(0, 500)}`;
}

/** The phase that was running at the last entry, and the change that was in flight. */
function hitOf(entries: Entry[]): { hit: Phase | 'between'; inFlight: Operation | null } {
  const last = entries.filter((entry) => entry.at !== 'armed').at(-1);
  return last?.at === 'start'
    ? { hit: last.phase, inFlight: last.operation }
    : { hit: 'between', inFlight: null };
}

/** Changes whose call had returned. */
function acknowledged(entries: Entry[]): Operation[] {
  const done: Operation[] = [];
  let running: Operation | null = null;
  for (const entry of entries) {
    if (entry.at === 'start') running = entry.operation;
    else if (entry.at === 'end' && running) {
      done.push(running);
      running = null;
    }
  }
  return done;
}

function checkPages(db: Database.Database): string[] {
  const broken = db.pragma('foreign_key_check');
  const pages = db.pragma('integrity_check', { simple: true });
  return [
    ...(pages === 'ok' ? [] : ['integrity_check fails']),
    ...(Array.isArray(broken) && broken.length === 0 ? [] : ['foreign_key_check fails']),
  ];
}

/**
 * Opens what was left as the app does at its next start and compares it with the reference.
 * @returns what is wrong, and what the next kill is compared with
 */
function checkWork(dataDir: string, expected: Reference, inFlight: Operation | null, progress: Progress) {
  const { db } = openDatabase(dataDir, migrations);
  try {
    const found = snapshot(db);
    progress.rowsCompared += Object.keys(found.messages).length + Object.keys(found.conversations).length;
    let reference = expected;
    let wrong = differences(expected, found);
    if (inFlight && wrong.length === 0) progress.inFlightGone += 1;
    else if (inFlight) {
      progress.inFlightKept += 1;
      reference = structuredClone(expected);
      apply(reference, inFlight);
      wrong = differences(reference, found);
    }
    // One fault is reported once: the next kill starts from what is there.
    return { problems: [...checkPages(db), ...wrong], reference: wrong.length === 0 ? reference : found };
  } finally {
    closeDatabase(db);
  }
}

function schemaAt(version: number): string {
  const db = new Database(':memory:');
  migrate(
    db,
    longMigrations.filter((migration) => migration.version <= version),
    0,
  );
  const schema = schemaOf(db);
  db.close();
  return schema;
}

/** Without the tables of `PRAGMA optimize`. */
function schemaOf(db: Database.Database): string {
  const sql = `SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name`;
  return JSON.stringify(db.prepare(sql).all());
}

function checkBackups(dataDir: string, expected: Reference, progress: Progress): string[] {
  if (!existsSync(backupFolder(dataDir))) return [];
  return listBackups(dataDir).flatMap((file) => {
    const copy = new Database(join(backupFolder(dataDir), file), { readonly: true });
    try {
      progress.backupsChecked += 1;
      return [...checkPages(copy), ...differences(expected, snapshot(copy))].map((line) => `backup: ${line}`);
    } finally {
      copy.close();
    }
  });
}

/** Whole version, whole content, whole backups; and the next start goes on to the newest version. */
function checkMigration(dataDir: string, expected: Reference, progress: Progress): string[] {
  const newest = longMigrations.at(-1)?.version ?? 0;
  const db = new Database(join(dataDir, 'leeward.db'));
  const version = Number(db.pragma('user_version', { simple: true }));
  const problems = [...checkPages(db), ...differences(expected, snapshot(db))];
  if (schemaOf(db) !== schemaAt(version)) problems.push(`schema is not that of version ${version}`);
  db.close();
  if (version > 10 && !existsSync(backupFolder(dataDir))) problems.push('migrated without a backup');
  problems.push(...checkBackups(dataDir, expected, progress));

  const reopened = openDatabase(dataDir, longMigrations satisfies readonly Migration[]);
  problems.push(...checkPages(reopened.db), ...differences(expected, snapshot(reopened.db)));
  if (schemaOf(reopened.db) !== schemaAt(newest))
    problems.push('the next start does not finish the migration');
  closeDatabase(reopened.db);
  return problems;
}

/** As it was before the last change or after it, and nothing half made; every backup is one of the two. */
function checkRestore(dataDir: string, before: Reference, done: Operation[], progress: Progress): string[] {
  const after = structuredClone(before);
  for (const operation of done) apply(after, operation);
  const wrongIn = (db: Database.Database) => {
    const found = snapshot(db);
    const wrong = differences(after, found);
    return [...checkPages(db), ...(wrong.length === 0 ? [] : differences(before, found))];
  };
  const { db } = openDatabase(dataDir, migrations);
  const problems = wrongIn(db);
  closeDatabase(db);
  for (const name of listBackups(dataDir)) {
    const copy = new Database(join(backupFolder(dataDir), name), { readonly: true });
    progress.backupsChecked += 1;
    problems.push(...wrongIn(copy).map((line) => `backup: ${line}`));
    copy.close();
  }
  const left = readdirSync(dataDir).filter((file) => file.includes('restoring'));
  return left.length === 0 ? problems : [...problems, 'a half restore is left'];
}

class Kills {
  readonly #dir: string;
  readonly #seed: number;
  readonly progress: Progress;
  #reference: Reference;
  #repeat: KillOrder['repeat'] = null;

  constructor(dir: string, seed: number, progress: Progress) {
    this.#dir = dir;
    this.#seed = seed;
    this.progress = progress;
    mkdirSync(this.#path('data'));
    this.#reference = seedDatabase(this.#path('data'));
  }

  #path(part: string): string {
    return join(this.#dir, part);
  }

  /** One child, one kill, one check. Returns the phase that was hit and what is wrong. */
  async one(index: number): Promise<{ hit: Phase | 'between'; problems: string[] }> {
    const target = targets[index % targets.length] ?? 'begin';
    const isMigration = target === 'backup' || target === 'migrate';
    const isRestore = target === 'backUpNow' || target === 'restore';
    const isCopy = isMigration || isRestore;
    const dataDir = isCopy ? leftBehind(this.#path('data'), this.#path('migrated')) : this.#path('data');
    const journal = this.#path('journal');
    rmSync(journal, { force: true });
    const seed = partSeed(this.#seed, index);
    const position = new Random(seed).uniform();
    const unexpected = await runChild({
      dataDir,
      journal,
      target,
      seed,
      position,
      repeat: isCopy ? null : this.#repeat,
    });
    if (unexpected !== null) return { hit: 'between', problems: [unexpected] };

    const entries = readJournal(journal);
    const { hit, inFlight } = hitOf(entries);
    if (isRestore) {
      const done = acknowledged(entries);
      return { hit, problems: checkRestore(dataDir, this.#reference, done, this.progress) };
    }
    if (isMigration) return { hit, problems: checkMigration(dataDir, this.#reference, this.progress) };
    const expected = structuredClone(this.#reference);
    for (const operation of acknowledged(entries)) apply(expected, operation);
    const left = leftBehind(dataDir, this.#path('left'));
    const { problems, reference } = checkWork(left, expected, inFlight, this.progress);
    this.#reference = reference;
    this.#repeat = null;
    if (inFlight?.kind === 'begin' && reference !== expected) this.#repeat = inFlight.input;
    return { hit, problems };
  }
}

function missedPhases(progress: Progress, count: number): string[] {
  if (count < COUNT_FOR_LEAST_HITS) return [];
  return targets
    .filter((phase) => (progress.hits[phase] ?? 0) < LEAST_HITS)
    .map((phase) => `${phase} was hit ${progress.hits[phase] ?? 0} times, fewer than ${LEAST_HITS}`);
}

/**
 * Kills a process that works on a real store, `count` times, at moments drawn uniformly inside each phase.
 * After each kill: integrity check, every acknowledged change is there, the one in flight is there whole or
 * not at all, a migration left one whole version and only whole backups.
 */
export async function run({ count, seed, log, deadline, saved, save }: SoakContext): Promise<SoakResult> {
  const folder = temporaryFolder();
  const progress = isProgress(saved) ? saved : structuredClone(nothingDone);
  try {
    const kills = new Kills(folder.path, seed, progress);
    while (progress.done < count && Date.now() < deadline) {
      const index = progress.done;
      const { hit, problems } = await kills.one(index).catch((error: unknown) => ({
        hit: 'between' as const,
        problems: [isAppError(error) ? `${error.code} ${JSON.stringify(error.data)}` : String(error)],
      }));
      progress.hits[hit] = (progress.hits[hit] ?? 0) + 1;
      progress.failures.push(...problems.map((problem) => `kill ${index} in ${hit}: ${problem}`));
      progress.done += 1;
      log(`kill ${progress.done}: ${hit}${problems.length > 0 ? ` FAILED ${problems[0] ?? ''}` : ''}`);
      save(progress);
    }
    const { done, failures, ...figures } = progress;
    const missed = done >= count ? missedPhases(progress, count) : [];
    return { done, failures: [...failures, ...missed], figures };
  } finally {
    folder.dispose();
  }
}
