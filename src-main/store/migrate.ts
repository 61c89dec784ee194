import { appError } from '../contract/index.ts';
import { APPLICATION_ID } from './inspect.ts';
import type { Db } from './sql.ts';

export interface Migration {
  /** `user_version` after it: a multiple of ten, so that a fix fits between two releases. */
  readonly version: number;
  readonly name: string;
  /** Runs inside a transaction with foreign keys unchecked until its end, so that tables may be rebuilt. */
  up(db: Db): void;
}

/** The newest version of a list. @throws store_failed when the list is empty or not in ascending order */
export function latestVersion(migrations: readonly Migration[]): number {
  let latest = 0;
  for (const { version } of migrations) {
    if (version <= latest) throw appError('store_failed', { reason: 'migration_order', version });
    latest = version;
  }
  if (latest === 0) throw appError('store_failed', { reason: 'no_migrations' });
  return latest;
}

function apply(db: Db, { version, up }: Migration): void {
  up(db);
  const broken = db.pragma('foreign_key_check');
  if (Array.isArray(broken) && broken.length > 0) {
    throw appError('store_failed', { reason: 'foreign_key_check', version });
  }
  // Both markers are part of the transaction: the file never says more than it holds.
  db.pragma(`application_id = ${APPLICATION_ID}`);
  db.pragma(`user_version = ${version}`);
}

/**
 * Applies every migration above `from`, each in a transaction of its own: a kill leaves a whole version.
 * @returns the versions applied
 */
export function migrate(db: Db, migrations: readonly Migration[], from: number): number[] {
  const pending = migrations.filter(({ version }) => version > from);
  // Not possible inside a transaction; without it rebuilding a table would delete what refers to it.
  db.pragma('foreign_keys = OFF');
  try {
    for (const migration of pending) db.transaction(() => apply(db, migration)).immediate();
  } finally {
    db.pragma('foreign_keys = ON');
  }
  return pending.map(({ version }) => version);
}
