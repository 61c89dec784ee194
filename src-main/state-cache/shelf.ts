import { chmod, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { samePrefix, STATES_PER_CHAT, toEvict, type Kept } from './decide.ts';
import {
  checkWhole,
  isAsIt,
  readRecord,
  readTokens,
  seal,
  type FileMark,
  type StateFacts,
  type StateRecord,
} from './state-file.ts';

const STATE = '.state';
/** Being written: what has this name after a start was cut off. */
const PART = '.part';
/** Lies beside a state while the engine reads it: what is there after a start took the app down with it. */
const READING = '.reading';
const WRITTEN_FILE = 'written.json';
const OWN_FOLDER = 0o700;
const OWN_FILE = 0o600;

/** One saved state. */
export interface Shelved extends Kept {
  readonly record: StateRecord;
  usedAt: number;
  /** As which file it was found whole in this run; null: not looked at yet. */
  whole: FileMark | null;
  /** Read with the first offer. */
  tokens: Uint32Array | null;
}

const Written = v.object({ day: v.string(), bytes: v.pipe(v.number(), v.minValue(0)) });

/** The day where the user is. */
function dayOf(now: number): string {
  const date = new Date(now);
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].join('-');
}

/**
 * The folder of saved states. The files say themselves what they are: there is no list beside them that could be
 * older than they are. Every call is safe at any time; what fails on the disk is as if it was not there.
 */
export class Shelf {
  readonly #folder: string;
  readonly #states = new Map<string, Shelved>();
  /** Bytes of those that are to come, for which there is room. */
  readonly #coming = new Map<string, number>();
  #written: v.InferOutput<typeof Written> = { day: '', bytes: 0 };

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Reads what is there, and removes what was cut off, what is of another version, and what the engine was reading
   * when the app ended.
   */
  async open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: OWN_FOLDER });
    await chmod(this.#folder, OWN_FOLDER);
    const names = await readdir(this.#folder);
    const deadly = new Set(
      names.filter((name) => name.endsWith(READING)).map((name) => name.slice(0, -READING.length)),
    );
    for (const name of names) {
      const isGood = name === WRITTEN_FILE || (name.endsWith(STATE) && (await this.#take(name, deadly)));
      if (!isGood) await this.#remove(name);
    }
    this.#written = await this.#readWritten();
  }

  async #take(name: string, deadly: ReadonlySet<string>): Promise<boolean> {
    const id = name.slice(0, -STATE.length);
    if (deadly.has(id)) return false;
    const path = join(this.#folder, name);
    const [record, found] = await Promise.all([readRecord(path), stat(path).catch(() => null)]);
    if (record === null || found === null || record.id !== id) return false;
    this.#put(record, found.size, found.mtimeMs);
    return true;
  }

  #put(record: StateRecord, bytes: number, usedAt: number): Shelved {
    const { readingMs } = record;
    const state: Shelved = { record, bytes, readingMs, usedAt, whole: null, tokens: null };
    this.#states.set(record.id, state);
    return state;
  }

  get all(): readonly Shelved[] {
    return [...this.#states.values()];
  }

  get bytes(): number {
    return this.all.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Bytes written since midnight. */
  writtenToday(now = Date.now()): number {
    return this.#written.day === dayOf(now) ? this.#written.bytes : 0;
  }

  /** Where a new state is to be written; it is no state before {@link add}. */
  partPath(id: string): string {
    return join(this.#folder, `${id}${PART}`);
  }

  /**
   * Makes room for a state that is to be added, until it is or is dropped: several may be on their way at once.
   * False when what is being read leaves too little.
   * @param bytes of the whole file
   * @param except is not deleted
   */
  async makeRoom(id: string, bytes: number, cap: number, except: ReadonlySet<string>): Promise<boolean> {
    this.#coming.set(id, bytes);
    await this.shrink(cap, except);
    return this.bytes + this.#comingBytes() <= cap;
  }

  #comingBytes(): number {
    return [...this.#coming.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Removes what was written at {@link partPath}. */
  async drop(id: string): Promise<void> {
    this.#coming.delete(id);
    await this.#remove(`${id}${PART}`);
  }

  /** Counts what was written today, kept or not. */
  async noteWritten(bytes: number, now = Date.now()): Promise<void> {
    this.#written = { day: dayOf(now), bytes: this.writtenToday(now) + bytes };
    const path = join(this.#folder, WRITTEN_FILE);
    try {
      await writeFile(`${path}${PART}`, JSON.stringify(this.#written), { mode: OWN_FILE });
      await rename(`${path}${PART}`, path);
    } catch {
      // A figure for a person: the next write tells it.
    }
  }

  /**
   * Makes a state of what was written at {@link partPath}, in place of those of the same chat that it makes
   * useless: of another model or setting, and those that hold nothing but its beginning.
   * @throws the system's error; what was written is for the caller to drop
   */
  async add(facts: StateFacts): Promise<void> {
    const part = this.partPath(facts.id);
    const record = await seal(part, facts);
    const before = this.of(facts.conversationId);
    const path = this.#pathOf(facts.id);
    await rename(part, path);
    const { size, mtimeMs } = await stat(path);
    const state = this.#put(record, size, mtimeMs);
    this.#coming.delete(facts.id);
    state.tokens = Uint32Array.from(facts.tokens);
    for (const old of before) if (await this.#isSuperseded(old, state)) await this.delete(old.record.id);
    const others = this.of(facts.conversationId).toSorted((a, b) => b.usedAt - a.usedAt);
    for (const old of others.slice(STATES_PER_CHAT)) await this.delete(old.record.id);
  }

  async #isSuperseded(old: Shelved, { record, tokens }: Shelved): Promise<boolean> {
    if (old.record.key !== record.key) return true;
    const before = await this.tokensOf(old.record.id);
    return before === null || tokens === null || samePrefix(before, tokens) === before.length;
  }

  /** States of one chat. */
  of(conversationId: string): Shelved[] {
    return this.all.filter(({ record }) => record.conversationId === conversationId);
  }

  /** The tokens that a state holds; null when they cannot be read, and it is removed. */
  async tokensOf(id: string): Promise<Uint32Array | null> {
    const state = this.#states.get(id);
    if (!state) return null;
    state.tokens ??= await readTokens(this.#pathOf(id), state.record);
    if (state.tokens === null) await this.delete(id);
    return state.tokens;
  }

  /**
   * The path of a state whose every byte is as it was written, marked as being read until {@link endReading}; null
   * when it is not, and it is removed.
   */
  async startReading(id: string, now = Date.now()): Promise<string | null> {
    const state = this.#states.get(id);
    if (!state) return null;
    const path = this.#pathOf(id);
    try {
      if (state.whole === null || !(await isAsIt(path, state.whole))) {
        state.whole = await checkWhole(path, state.record);
      }
      if (state.whole !== null) {
        await writeFile(join(this.#folder, `${id}${READING}`), '', { mode: OWN_FILE });
        state.usedAt = now;
        return path;
      }
    } catch {
      // No space for the mark: it is read another time.
      return null;
    }
    await this.delete(id);
    return null;
  }

  /** The engine has read it, and lives. */
  async endReading(id: string): Promise<void> {
    await this.#remove(`${id}${READING}`);
    const state = this.#states.get(id);
    if (!state?.whole) return;
    const path = this.#pathOf(id);
    if (!(await isAsIt(path, state.whole))) return;
    // The order of eviction outlasts this run. The time of last change is ours to set: the checksum says what is in it.
    const used = new Date(state.usedAt);
    await utimes(path, used, used).catch(() => {});
    const found = await stat(path, { bigint: true }).catch(() => null);
    state.whole = found && {
      sizeBytes: Number(found.size),
      changed: `${found.ino}:${found.mtimeNs}:${found.ctimeNs}`,
    };
  }

  async delete(id: string): Promise<void> {
    this.#states.delete(id);
    await this.#remove(`${id}${STATE}`);
    await this.#remove(`${id}${READING}`);
  }

  /** Deletes what is too much with what is to come, but none of `except`. */
  async shrink(cap: number, except: ReadonlySet<string>, now = Date.now()): Promise<void> {
    const kept = this.all.filter(({ record }) => except.has(record.id));
    const room = cap - this.#comingBytes() - kept.reduce((sum, { bytes }) => sum + bytes, 0);
    const others = this.all.filter(({ record }) => !except.has(record.id));
    for (const { record } of toEvict(others, room, now)) await this.delete(record.id);
  }

  #pathOf(id: string): string {
    return join(this.#folder, `${id}${STATE}`);
  }

  async #remove(name: string): Promise<void> {
    await rm(join(this.#folder, name), { recursive: true, force: true }).catch(() => {});
  }

  async #readWritten(): Promise<v.InferOutput<typeof Written>> {
    try {
      return v.parse(Written, JSON.parse(await readFile(join(this.#folder, WRITTEN_FILE), 'utf8')));
    } catch {
      return this.#written;
    }
  }
}
