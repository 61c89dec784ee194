import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { listBackups } from '../../../src-main/store/backup.ts';
import { backupFolder, databaseFile } from '../../../src-main/store/files.ts';
import { BEING_DELETED, BEING_IMPORTED } from '../../../src-main/store/queries/history-states.ts';

/** Chats that are being imported or deleted are in no list. */
const QUESTIONS = `SELECT text FROM messages JOIN conversations ON conversations.id = conversation_id
  WHERE role = 'user' AND (trashed_at IS NULL OR trashed_at NOT IN (${BEING_DELETED}, ${BEING_IMPORTED}))`;

/** A partial answer, as a client saw it grow. */
export interface Streaming {
  messageId: string;
  seen: { at: number; length: number }[];
}

/** What the app has told its clients, and what its database must hold for that. */
export class Witness {
  /** Questions whose saving was acknowledged. */
  saved = new Set<string>();
  /** Asked for, not acknowledged: each of these is there whole or not at all. */
  asked: string[][] = [];
  /** What is there after the restore that is under way. */
  restoring: Set<string> | null = null;
  streaming: Streaming | null = null;

  /** Runs what saves `questions`; a failure leaves them as asked for. */
  async saving<T>(questions: string[], work: () => Promise<T>): Promise<T> {
    this.asked.push(questions);
    const result = await work();
    this.asked = this.asked.filter((group) => group !== questions);
    for (const question of questions) this.saved.add(question);
    return result;
  }

  /**
   * Compares a database with what was told, and takes over what is there of that which was only asked for.
   * @throws Error with a sentence: something is missing, or there in part
   */
  compare(stored: ReadonlySet<string>, backups: () => ReadonlySet<string>[]): void {
    const missing = [...this.saved].filter((question) => !stored.has(question));
    if (missing.length > 0) {
      const after = this.restoring;
      const isRestored = after !== null && [...after].every((question) => stored.has(question));
      if (!isRestored) throw new Error(`${missing.length} acknowledged questions are lost`);
      const isKept = backups().some((held) => [...this.saved].every((question) => held.has(question)));
      if (!isKept) throw new Error('no backup holds what was there before the restore');
      this.saved = new Set(after);
    }
    this.restoring = null;
    for (const group of this.asked) {
      const there = group.filter((question) => stored.has(question));
      if (there.length > 0 && there.length < group.length)
        throw new Error(`${there.length} of ${group.length} of one change are there`);
      for (const question of there) this.saved.add(question);
    }
    this.asked = [];
    const foreign = [...stored].filter((question) => !this.saved.has(question));
    if (foreign.length > 0) throw new Error(`${foreign.length} questions should not be there`);
  }
}

function checkWhole(db: Database.Database, what: string): void {
  const pages = db.pragma('integrity_check', { simple: true });
  if (pages !== 'ok') throw new Error(`${what}: integrity_check: ${String(pages)}`);
  const broken = db.pragma('foreign_key_check');
  if (!Array.isArray(broken) || broken.length > 0) throw new Error(`${what}: foreign_key_check fails`);
}

const questionsOf = (db: Database.Database) => new Set(db.prepare<[], string>(QUESTIONS).pluck().all());

/** Calls `work` with a copy of the database as it was left: the app does its own recovery at its next start. */
export function withCopy<T>(dataDir: string, work: (db: Database.Database) => T): T {
  const scratch = mkdtempSync(join(tmpdir(), 'leeward-check-'));
  const file = databaseFile(dataDir);
  for (const suffix of ['', '-wal', '-journal']) {
    if (existsSync(file + suffix)) copyFileSync(file + suffix, databaseFile(scratch) + suffix);
  }
  const db = new Database(databaseFile(scratch));
  try {
    checkWhole(db, 'database');
    return work(db);
  } finally {
    db.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Every backup that has its name is whole. @returns what each holds, newest first */
function checkedBackups(dataDir: string): ReadonlySet<string>[] {
  return listBackups(dataDir)
    .toReversed()
    .map((name) => {
      const db = new Database(join(backupFolder(dataDir), name), { readonly: true });
      try {
        checkWhole(db, `backup ${name}`);
        return questionsOf(db);
      } finally {
        db.close();
      }
    });
}

/**
 * Looks at what a kill or a full disk left, before the app does.
 * @returns by how much the partial answer is behind what was seen, in ms
 * @throws Error with a sentence for everything that is lost, half made or damaged
 */
export function checkLeft(dataDir: string, witness: Witness, endedAt: number): number {
  const held = checkedBackups(dataDir);
  return withCopy(dataDir, (db) => {
    witness.compare(questionsOf(db), () => held);
    if (witness.streaming === null) return 0;
    const { messageId, seen } = witness.streaming;
    const text = db
      .prepare<[string], string>('SELECT text FROM messages WHERE id = ?')
      .pluck()
      .get(messageId);
    const firstMissing = seen.find(({ length }) => length > (text?.length ?? 0));
    return firstMissing ? endedAt - firstMissing.at : 0;
  });
}
