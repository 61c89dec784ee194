import * as v from 'valibot';
import { base, nothing } from './base.ts';
import { Bytes, Count, TimeMs } from './entities.ts';

/** Why it was made: by itself, by hand, before a restore, before the app's update changed the database. */
export const BackupReason = v.picklist(['daily', 'manual', 'restore', 'upgrade']);
export type BackupReason = v.InferOutput<typeof BackupReason>;

/** Names a backup that is listed; never a path. */
export const BackupId = v.pipe(v.string(), v.regex(/^[\dA-Za-z-]{1,80}$/u));

export const Backup = v.object({
  id: BackupId,
  createdAt: TimeMs,
  sizeBytes: Bytes,
  /** The trash left out. */
  chats: Count,
  reason: BackupReason,
});
export type Backup = v.InferOutput<typeof Backup>;

/** Where a restore is: the copy in bytes, then the check of every page, then what an older schema needs. */
export const RestoreStep = v.object({
  step: v.picklist(['copy', 'check', 'update']),
  done: Count,
  /** Never 0. */
  total: Count,
});
export type RestoreStep = v.InferOutput<typeof RestoreStep>;

/** What could be read of a damaged database. */
export const Salvaged = v.object({
  chats: Count,
  messages: Count,
  /** Some entries could not be read. How many that were nobody can tell. */
  unreadable: v.boolean(),
});
export type Salvaged = v.InferOutput<typeof Salvaged>;

/** Below this much free space a notice tells what backups and trash hold. */
export const LOW_SPACE_BYTES = 500_000_000;

export const backups = {
  /** Newest first. One that cannot be read, or is of a newer version, is left out. */
  list: base.output(v.array(Backup)),
  /** On the volume of the data folder. */
  space: base.output(
    v.object({
      freeBytes: Bytes,
      /** A backup is made only while so much is free. */
      neededBytes: Bytes,
      backupBytes: Bytes,
      trashChats: Count,
    }),
  ),
  /** Makes one now; the app goes on meanwhile. @throws disk_full with `needBytes` and `freeBytes` */
  make: base.output(nothing),
  /**
   * Puts a backup in the place of the present chats, which are kept as a backup. It is copied and checked beside
   * them first, told by `backups.restoring`; until that is done everything goes on and the call can be aborted. Then
   * running answers are stopped, the two change places, and a `gap` event follows.
   * @throws not_found, aborted, conflict, store_damaged, store_newer, disk_full: the present chats stay
   */
  restore: base.input(v.object({ id: BackupId })).output(nothing),
  /**
   * After a start with a database that is damaged or of a newer version: those that pass a full check.
   * @throws conflict in any other run
   */
  good: base.output(v.array(Backup)),
  /**
   * After such a start: opens a backup; null, for a damaged one only: begins without chats. The files are kept beside
   * it, renamed. The page loads itself again after it. @throws as `restore`; conflict in any other run
   */
  recover: base.input(v.object({ id: v.nullable(BackupId) })).output(nothing),
  /**
   * After a start with a damaged database: copies what can be read of it and opens the copy for reading only, until
   * `endLook`. The page loads itself again after it; every change fails with `store_read_only` then.
   * @throws store_damaged with `reason` `unreadable` when there is nothing; disk_full; conflict in any other run
   */
  look: base.output(Salvaged),
  /** Back to the choice; the copy is removed. The page loads itself again after it. @throws conflict without `look` */
  endLook: base.output(nothing),
};
