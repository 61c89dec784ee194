import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { backupFolder, databaseFile } from '../../../src-main/store/files.ts';
import { migrate } from '../../../src-main/store/migrate.ts';
import { migrations } from '../../../src-main/store/migrations/index.ts';
import { withCopy } from './witness.ts';

/** The first version of the schema. */
export const OLDEST = 10;
export const NEWEST = migrations.at(-1)?.version ?? 0;

/** Enough for each step of the way to take its time. */
const CHATS = 1_000;
const TURNS = 10;

/** What a migration may not change. */
function hashOf(db: Database.Database): string {
  const hash = createHash('sha256');
  const rows = db.prepare<[], { id: string; text: string; parentId: string | null }>(
    'SELECT id, text, parent_id AS parentId FROM messages ORDER BY id',
  );
  for (const { id, text, parentId } of rows.iterate()) hash.update(`${id} ${parentId ?? ''} ${text}\n`);
  return hash.digest('hex');
}

/** Makes a data folder as the first version of the app would have left it. @returns a hash of its messages */
export function writeOldHistory(dataDir: string): string {
  mkdirSync(dataDir, { mode: 0o700 });
  const db = new Database(databaseFile(dataDir));
  try {
    db.pragma('journal_mode = WAL');
    migrate(
      db,
      migrations.filter(({ version }) => version <= OLDEST),
      0,
    );
    const chat = db.prepare(
      `INSERT INTO conversations (id, title, title_source, created_at, updated_at) VALUES (?, 'Old', 'auto', ?, ?)`,
    );
    const message = db.prepare(
      `INSERT INTO messages (id, conversation_id, parent_id, role, text, status, created_at)
        VALUES (?, ?, ?, ?, ?, 'complete', ?)`,
    );
    db.transaction(() => {
      for (let index = 0; index < CHATS; index += 1) {
        const id = randomUUID();
        chat.run(id, index, index);
        let parent: string | null = null;
        for (let turn = 0; turn < TURNS; turn += 1) {
          const next = randomUUID();
          message.run(next, id, parent, turn % 2 === 0 ? 'user' : 'assistant', `${next} `.repeat(8), index);
          parent = next;
        }
      }
    })();
    const hash = hashOf(db);
    db.pragma('wal_checkpoint(TRUNCATE)');
    return hash;
  } finally {
    db.close();
  }
}

/** The backup that comes before a migration has begun. */
export function isBackingUp(dataDir: string): boolean {
  const folder = backupFolder(dataDir);
  return existsSync(folder) && readdirSync(folder).length > 0;
}

/**
 * Every message is as it was, and what there is of a backup is whole.
 * @returns the version that the database has
 * @throws Error with a sentence
 */
export function checkOldHistory(dataDir: string, hash: string): number {
  const { version, found } = withCopy(dataDir, (db) => ({
    version: Number(db.pragma('user_version', { simple: true })),
    found: hashOf(db),
  }));
  if (found !== hash) throw new Error('a message was lost or changed on the way to the new version');
  const folder = backupFolder(dataDir);
  const backups = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.db')) : [];
  if (version > OLDEST && backups.length === 0) throw new Error('migrated without a backup');
  for (const name of backups) {
    const db = new Database(join(folder, name), { readonly: true });
    try {
      if (db.pragma('integrity_check', { simple: true }) !== 'ok' || hashOf(db) !== hash)
        throw new Error('the backup before the migration is not whole');
    } finally {
      db.close();
    }
  }
  return version;
}
