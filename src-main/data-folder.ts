import { randomUUID } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  constants,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { uptime } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { appError } from './contract/index.ts';

const LOCK = 'leeward.lock';
const DRAFT_NAME = /^leeward\.lock(\.takeover)?\.[0-9a-f-]{36}$/;
const TAKEOVER = `${LOCK}.takeover`;
/** A takeover is three file operations; one that is older than this was cut off in the middle. */
const TAKEOVER_TIMEOUT_MS = 2_000;
/** Time for another process to finish its takeover. */
const RETRY_MS = 25;
const MAX_TRIES = 200;
/** The clock may be set by this much between a boot and the check of a lock from before it. */
const CLOCK_SLACK_MS = 60_000;

const Owner = v.object({
  pid: v.number(),
  /** Where the holder can be reached, null while it is starting. */
  address: v.nullable(v.string()),
  /** Tells this lock from every other, so that nobody removes one that is not theirs. */
  nonce: v.string(),
  lockedAtMs: v.number(),
  /** Boot and start of the process on Linux: a pid that came round again is another process. */
  processStart: v.nullable(v.string()),
});
type Owner = v.InferOutput<typeof Owner>;

export interface DataFolderLock {
  /** Removes the lock if it is still this one. Safe to call twice. */
  release(): void;
  /** Tells other processes where this one can be reached. */
  setAddress(address: string | null): void;
}

/** Runs a call of the file system; null when it fails with one of `codes`. */
function unless<T>(codes: readonly string[], call: () => T): T | null {
  try {
    return call();
  } catch (error) {
    if (error instanceof Error && 'code' in error && codes.some((code) => code === error.code)) return null;
    throw error;
  }
}

/** Boot id and start tick of a process on Linux; null elsewhere or when it is gone. */
function processStartOf(pid: number): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in brackets, may hold anything; field 22 is the 20th after it.
    const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return start === undefined ? null : `${boot} ${start}`;
  } catch {
    return null;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs under another account.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** What the decision about an existing lock rests on. */
export interface OwnerFacts {
  isRunning: boolean;
  /** As {@link processStartOf} says now. */
  processStart: string | null;
  bootedAtMs: number;
}

/** True when the process that wrote the lock cannot be alive. Pure. */
export function isStale(owner: Pick<Owner, 'processStart' | 'lockedAtMs'>, facts: OwnerFacts): boolean {
  if (!facts.isRunning) return true;
  if (owner.processStart !== null && facts.processStart !== null) {
    return owner.processStart !== facts.processStart;
  }
  return owner.lockedAtMs + CLOCK_SLACK_MS < facts.bootedAtMs;
}

function isOwnerGone(owner: Owner): boolean {
  return isStale(owner, {
    isRunning: isRunning(owner.pid),
    processStart: processStartOf(owner.pid),
    bootedAtMs: Date.now() - uptime() * 1_000,
  });
}

/** Content of the lock: its owner, `damaged` when it cannot be read as one, null when there is none. */
function readLock(path: string): Owner | 'damaged' | null {
  const text = unless(['ENOENT'], () => readFileSync(path, 'utf8'));
  if (text === null) return null;
  try {
    return v.parse(Owner, JSON.parse(text));
  } catch {
    return 'damaged';
  }
}

/** Puts `content` at `path` in one step. False when there is a file already. */
function createWhole(path: string, content: string): boolean {
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, content, { mode: 0o600, flag: 'wx' });
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    // File systems without links (exFAT, some network drives): no name appears with its content at once.
    return unless(['EEXIST'], () => writeFileSync(path, content, { mode: 0o600, flag: 'wx' })) !== null;
  } finally {
    rmSync(draft, { force: true });
  }
}

function replaceWhole(path: string, content: string): void {
  const draft = `${path}.${randomUUID()}`;
  try {
    writeFileSync(draft, content, { mode: 0o600, flag: 'wx' });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/**
 * Replaces a stale lock. Only the process that holds the takeover file may, and it looks again first:
 * otherwise two processes that found the same stale lock could each remove the other's new one.
 * @returns false when another process was faster; the caller looks again
 */
function takeOver(dir: string, stale: Owner | 'damaged', content: string): boolean {
  const [lock, takeover] = [join(dir, LOCK), join(dir, TAKEOVER)];
  if (!createWhole(takeover, '')) {
    const since = unless(['ENOENT'], () => statSync(takeover).mtimeMs);
    if (since !== null && Date.now() - since > TAKEOVER_TIMEOUT_MS) rmSync(takeover, { force: true });
    return false;
  }
  try {
    const isSame = stale === 'damaged' ? readLock(lock) === stale : isLockOf(lock, stale.nonce);
    if (!isSame) return false;
    replaceWhole(lock, content);
    return true;
  } finally {
    rmSync(takeover, { force: true });
  }
}

function isLockOf(path: string, nonce: string): boolean {
  const holder = readLock(path);
  return typeof holder === 'object' && holder?.nonce === nonce;
}

/** Blocks this thread; start-up only. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function lockFolder(dir: string, owner: Owner): void {
  const lock = join(dir, LOCK);
  const content = JSON.stringify(owner);
  let damagedTries = 0;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    if (createWhole(lock, content)) return;
    const holder = readLock(lock);
    if (holder === null) continue;
    if (holder === 'damaged') {
      // Perhaps it is being written, where links do not work; a cut-off write stays damaged.
      damagedTries += 1;
      if (damagedTries <= MAX_TRIES / 4) {
        pause(RETRY_MS);
        continue;
      }
    } else if (!isOwnerGone(holder)) {
      throw appError('data_folder_in_use', { pid: holder.pid, address: holder.address });
    }
    const tookOver = takeOver(dir, holder, content);
    pause(RETRY_MS);
    // Looked at again: a takeover file left by a crash may have let two through.
    if (tookOver && isLockOf(lock, owner.nonce)) return;
  }
  throw appError('data_folder_in_use', { pid: null, address: null });
}

/** Removes drafts that a kill left behind. */
function tidy(dir: string): void {
  for (const name of readdirSync(dir)) {
    if (!DRAFT_NAME.test(name)) continue;
    const draft = join(dir, name);
    const since = statSync(draft, { throwIfNoEntry: false })?.mtimeMs;
    if (since !== undefined && Date.now() - since > CLOCK_SLACK_MS) rmSync(draft, { force: true });
  }
}

function prepareFolder(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (!statSync(dir).isDirectory()) throw appError('store_failed', { reason: 'not_a_folder' });
  chmodSync(dir, 0o700);
  accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK);
}

const folderProblems: Record<string, string> = {
  EEXIST: 'not_a_folder',
  ENOTDIR: 'not_a_folder',
  EACCES: 'not_writable',
  EPERM: 'not_writable',
  EROFS: 'not_writable',
};

const isFull = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');

function folderError(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error;
  if (isFull(error)) return appError('disk_full', undefined, { cause: error });
  const reason = folderProblems[error.code];
  return reason === undefined && !('syscall' in error)
    ? error
    : appError('store_failed', { reason: reason ?? error.code }, { cause: error });
}

/**
 * Makes the data folder, private to this account, and locks it for this process. Call it before the store
 * opens. A lock whose process is gone is taken over.
 * @param owner pid (this process if left out), and where it can be reached if that is known already
 * @throws data_folder_in_use with the `pid` and `address` of the holder
 * @throws store_failed with `reason` `not_a_folder` or `not_writable`; disk_full
 */
export function acquireDataFolder(
  dir: string,
  owner: { pid?: number; address: string | null },
): DataFolderLock {
  const lock = join(dir, LOCK);
  const { pid = process.pid, address } = owner;
  const mine: Owner = {
    pid,
    address,
    nonce: randomUUID(),
    lockedAtMs: Date.now(),
    processStart: processStartOf(pid),
  };
  try {
    prepareFolder(dir);
    lockFolder(dir, mine);
    tidy(dir);
  } catch (error) {
    throw folderError(error);
  }

  return {
    release() {
      if (isLockOf(lock, mine.nonce)) rmSync(lock, { force: true });
    },
    setAddress(address) {
      if (!isLockOf(lock, mine.nonce)) return;
      mine.address = address;
      try {
        replaceWhole(lock, JSON.stringify(mine));
      } catch (error) {
        // It only helps a second process to say where this one is: a full disk must not keep anyone from reading.
        if (!isFull(error)) throw error;
      }
    },
  };
}
