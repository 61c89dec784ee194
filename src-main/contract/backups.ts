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
   * Puts a backup in the place of the present chats, which are kept as a backup first. Running answers are
   * stopped; a `gap` event follows.
   * @throws not_found, store_damaged, store_newer, disk_full: the present chats stay
   */
  restore: base.input(v.object({ id: BackupId })).output(nothing),
  /** After a start with a damaged database: those that pass a full check. @throws conflict in any other run */
  good: base.output(v.array(Backup)),
  /**
   * After a start with a damaged database: opens a backup, null: begins without chats. The damaged files are kept
   * beside it, renamed. The page loads itself again after it. @throws as `restore`; conflict in any other run
   */
  recover: base.input(v.object({ id: v.nullable(BackupId) })).output(nothing),
};
