// Longer than a module should be: what may be saved, read and forgotten at once is decided in one place, as each waits for
// the others; the rules are in decide.ts, the files in shelf.ts.

import { randomUUID } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCodeOf, LOW_SPACE_BYTES, type SavedStatesInfo } from '../contract/index.ts';
import type { Engine, HeldChat, SavedState, SavedStates } from '../engine/api.ts';
import type { Platform } from '../platform.ts';
import type { SettingsService } from '../settings/settings.ts';
import type { StoreClient } from '../store/api.ts';
import { BranchFile } from './branch-file.ts';
import { capOf, freshOf, isWorthSaving, WORTH_MS, type Unsaved } from './decide.ts';
import { Shelf } from './shelf.ts';
import { sealedBytes } from './state-file.ts';

/** Of the data folder. */
export const STATES_FOLDER = 'saved-state';
/** Someone who reads the answer is back within it; who has gone leaves the chat saved. */
const IDLE_MS = 30_000;
/** An answer in another chat waits at most this long until the one before it is saved. */
const LEAVE_MS = 1_000;
/** Main's own limit for a stop is 10 s, of which answers take 3 s and the engine's end 2 s. */
const QUIT_MS = 3_000;

export interface StateCacheOptions {
  engine: Engine;
  store: Pick<StoreClient, 'conversations'>;
  settings: Pick<SettingsService, 'get' | 'onChange'>;
  dataDir: string;
  log: Platform['log'];
  /** For tests; the defaults suit people. */
  worthMs?: number | undefined;
  idleMs?: number | undefined;
}

/** A state in the making, from before the engine is asked for it until it is a file of its own or gone. */
interface Work {
  readonly id: string;
  readonly conversationId: string;
  /** Aborted when the user wants nothing of it to stay. */
  readonly forgotten: AbortController;
  done: Promise<void>;
}

/** What an answer may read in place of its prompt. */
export interface Offer {
  readonly states: SavedStates;
  /** The engine has read what it wanted of them, and lives. */
  read(): void;
  /** The engine has died with what it read. */
  blame(): void;
}

/** Resolves with the promise, or when the signal fires. */
function until(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    void promise.then(resolve);
  });
}

/**
 * What the engine has read of the chats, kept on the disk. Saved when a chat is left, after {@link IDLE_MS}, before an
 * idle model is freed, and when the app ends; never where the chat is temporary or the disk is nearly full. Nothing here fails a caller: without a
 * saved state a chat is read again.
 */
export class StateCache {
  readonly #options: StateCacheOptions;
  readonly #shelf: Shelf;
  readonly #opened: Promise<void>;
  /** What of each chat is in memory and in no saved state. */
  readonly #unsaved = new Map<string, Unsaved>();
  readonly #works = new Set<Work>();
  /** The longest state of each key that was written in this run, kept or not. */
  readonly #written = new Map<string, { tokens: number; bytes: number }>();
  /** By which answers copy a branch now. */
  readonly #branches = new Set<BranchFile>();
  /** Chats that are known to be kept; a temporary one may be kept later. */
  readonly #keptChats = new Set<string>();
  /** States that answers read now, each as often as it is read. */
  readonly #inUse: string[] = [];
  readonly #stopListening: () => void;
  #saving: Promise<void> = Promise.resolve();
  #answering = 0;
  #readingAhead = 0;
  /** Ends the save that nobody waits for. */
  #idleSave = new AbortController();
  #idleTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: StateCacheOptions) {
    this.#options = options;
    this.#shelf = new Shelf(join(options.dataDir, STATES_FOLDER));
    this.#opened = this.#open().catch((error: unknown) => {
      options.log('states.not_opened', { code: errorCodeOf(error) });
    });
    this.#stopListening = options.settings.onChange((now, before) => {
      if (before.saveStates && !now.saveStates) void this.clear();
      else if (before.savedStatesMaxBytes !== now.savedStatesMaxBytes) void this.#shrink();
    });
  }

  get #isOn(): boolean {
    return !this.#isClosed && this.#options.settings.get().saveStates;
  }

  async #open(): Promise<void> {
    await this.#shelf.open();
    // Not when it was closed meanwhile: who quits at once has switched nothing off.
    if (!this.#options.settings.get().saveStates) return this.#deleteAll();
    // A chat may have gone while its state could not: a kill, or a backup that was put back.
    for (const conversationId of new Set(this.#shelf.all.map(({ record }) => record.conversationId)))
      if ((await this.#chatOf(conversationId)) === 'gone') await this.#deleteOf(conversationId);
    await this.#shrink();
  }

  /** A chat in the trash is kept: it may come back. */
  async #chatOf(id: string): Promise<'gone' | 'temporary' | 'kept' | 'unknown'> {
    try {
      const { temporary } = await this.#options.store.conversations.head({ id, withTrash: true });
      return temporary ? 'temporary' : 'kept';
    } catch (error) {
      return errorCodeOf(error) === 'not_found' ? 'gone' : 'unknown';
    }
  }

  // For the user ---------------------------------------------------------------------------------------------

  async info(): Promise<SavedStatesInfo> {
    await this.#opened;
    const { all, bytes } = this.#shelf;
    return {
      count: all.length,
      bytes,
      writtenTodayBytes: this.#shelf.writtenToday(),
      capBytes: (await this.#space()).cap,
    };
  }

  /** Deletes everything; what is in memory now is not written either. */
  async clear(): Promise<void> {
    this.#unsaved.clear();
    const ended = this.#forgetWorks(() => true);
    await this.#opened;
    await ended;
    await this.#deleteAll();
  }

  /** Deletes what is kept of these chats, before they are deleted themselves. */
  async forget(conversationIds: readonly string[]): Promise<void> {
    const ids = new Set(conversationIds);
    for (const id of ids) {
      this.#unsaved.delete(id);
      this.#keptChats.delete(id);
    }
    const ended = this.#forgetWorks(({ conversationId }) => ids.has(conversationId));
    await this.#opened;
    await ended;
    for (const id of ids) await this.#deleteOf(id);
  }

  /** Resolves when nothing of them is written any more, and what was written is gone. */
  async #forgetWorks(isMeant: (chat: { conversationId: string }) => boolean): Promise<void> {
    const meant = [...this.#works].filter(isMeant);
    for (const { forgotten } of meant) forgotten.abort();
    // Another chat's file may hold one of them.
    const branches = [...this.#branches].map((branch) => (isMeant(branch) ? branch.forget() : branch.idle()));
    await Promise.all([...meant.map(({ done }) => done), ...branches]);
  }

  async #deleteOf(conversationId: string): Promise<void> {
    for (const { record } of this.#shelf.of(conversationId)) await this.#shelf.delete(record.id);
  }

  async #deleteAll(): Promise<void> {
    for (const { record } of this.#shelf.all) await this.#shelf.delete(record.id);
  }

  // Space ----------------------------------------------------------------------------------------------------

  async #space(): Promise<{ cap: number; free: number | null }> {
    const { dataDir, settings } = this.#options;
    const free = await statfs(dataDir).then(
      ({ bavail, bsize }) => bavail * bsize,
      () => null,
    );
    return {
      free,
      cap: capOf({ chosen: settings.get().savedStatesMaxBytes, free, held: this.#shelf.bytes }),
    };
  }

  async #shrink(): Promise<void> {
    await this.#shelf.shrink((await this.#space()).cap, new Set(this.#inUse));
  }

  // Saving ---------------------------------------------------------------------------------------------------

  /**
   * An answer in one chat, or another model, is about to take the memory of the others. Waits for {@link LEAVE_MS} at
   * the most, and no longer than until `signal` fires.
   */
  async leave(except: string | null, signal?: AbortSignal): Promise<void> {
    // While another answers, its turn would be waited for.
    if (this.#answering > 1) return;
    const limit = AbortSignal.timeout(LEAVE_MS);
    const both = signal ? AbortSignal.any([limit, signal]) : limit;
    await until(this.#save(except, both), both);
  }

  /** Before the memory is given up for want of work: nobody waits. Ends when an answer starts. */
  async rest(): Promise<void> {
    await this.#save(null, this.#idleSignal());
  }

  /** Before the engine ends. */
  async quit(): Promise<void> {
    clearTimeout(this.#idleTimer);
    const limit = AbortSignal.timeout(QUIT_MS);
    const all = this.#save(null, limit).then(async () => {
      const branches = [...this.#branches].map((branch) => branch.idle());
      await Promise.all([...[...this.#works].map(({ done }) => done), ...branches]);
    });
    await until(all, limit);
    this.#isClosed = true;
    this.#stopListening();
    clearTimeout(this.#idleTimer);
    // What the limit cut off is no state: the next start removes what was written of it.
    for (const { forgotten } of this.#works) forgotten.abort();
    for (const branch of this.#branches) void branch.forget();
  }

  answerStarts(): void {
    this.#answering += 1;
    clearTimeout(this.#idleTimer);
    this.#idleSave.abort();
  }

  /** @param freshTokens read or written by this answer, as far as the figures tell */
  answerEnds(conversationId: string, freshTokens: number): void {
    this.#answering -= 1;
    const before = this.#unsaved.get(conversationId);
    // What was read ahead is a draft no more.
    const fresh = freshTokens + (before ? before.freshTokens + before.aheadTokens : 0);
    if (fresh > 0) this.#unsaved.set(conversationId, { freshTokens: fresh, aheadTokens: 0 });
    this.#waitForQuiet();
  }

  readAheadStarts(): void {
    this.#readingAhead += 1;
    clearTimeout(this.#idleTimer);
  }

  /** @param tokens read, most of them of a message that is not sent */
  readAheadEnds(conversationId: string, tokens: number): void {
    this.#readingAhead -= 1;
    const { freshTokens = 0, aheadTokens = 0 } = this.#unsaved.get(conversationId) ?? {};
    if (tokens > 0) this.#unsaved.set(conversationId, { freshTokens, aheadTokens: aheadTokens + tokens });
    this.#waitForQuiet();
  }

  #waitForQuiet(): void {
    clearTimeout(this.#idleTimer);
    if (this.#answering > 0 || this.#readingAhead > 0 || this.#isClosed) return;
    this.#idleTimer = setTimeout(
      () => void this.#save(null, this.#idleSignal(), true),
      this.#options.idleMs ?? IDLE_MS,
    );
    this.#idleTimer.unref();
  }

  #idleSignal(): AbortSignal {
    if (this.#idleSave.signal.aborted) this.#idleSave = new AbortController();
    return AbortSignal.any([this.#idleSave.signal, AbortSignal.timeout(IDLE_MS)]);
  }

  /** Saves what is worth it, one chat after the other. Never rejects. */
  #save(except: string | null, signal: AbortSignal, isIdle = false): Promise<void> {
    this.#saving = this.#saving
      .then(() => this.#saveHeld(except, signal, isIdle))
      .catch((error: unknown) => {
        this.#options.log('states.not_saved', { code: errorCodeOf(error) });
      });
    return this.#saving;
  }

  async #saveHeld(except: string | null, signal: AbortSignal, isIdle: boolean): Promise<void> {
    const { engine, worthMs = WORTH_MS } = this.#options;
    if (signal.aborted || !this.#isOn || this.#unsaved.size === 0 || engine.stateKey === null) return;
    await this.#opened;
    let isPutOff = false;
    for (const held of await engine.heldChats()) {
      const { conversationId } = held;
      const unsaved = this.#unsaved.get(conversationId);
      if (!unsaved || conversationId === except || signal.aborted) continue;
      // What is not worth it now stays on the list: it grows with the next answer.
      if (!isWorthSaving({ ...held, freshTokens: this.#freshOf(held, unsaved) }, worthMs)) continue;
      // Someone is writing there: what was read of the message would be given up.
      if (isIdle && held.hasDraft) isPutOff = true;
      else await this.#saveOne(held, unsaved, signal);
    }
    if (isPutOff) this.#waitForQuiet();
  }

  /** What this chat took over from another one in memory is in none of its own states. */
  #freshOf({ conversationId, tokens }: HeldChat, unsaved: Unsaved): number {
    const key = this.#options.engine.stateKey;
    const saved = this.#shelf
      .of(conversationId)
      .filter(({ record }) => record.key === key)
      .map(({ record }) => record.tokenCount);
    // One that is being sealed holds what was in memory then.
    if ([...this.#works].some((work) => work.conversationId === conversationId)) saved.push(tokens);
    return freshOf({ tokens, saved }, unsaved);
  }

  /** Resolves when the memory is free to change: the rest is between us and the disk. */
  async #saveOne(held: HeldChat, unsaved: Unsaved, signal: AbortSignal): Promise<void> {
    const { conversationId } = held;
    const forgotten = new AbortController();
    const work: Work = { id: randomUUID(), conversationId, forgotten, done: Promise.resolve() };
    // Known before anything is waited for: whoever deletes the chat meanwhile ends it.
    this.#works.add(work);
    const writing = this.#write(held, unsaved, work, AbortSignal.any([signal, forgotten.signal]));
    work.done = writing
      .then(
        (saved) => (saved === null ? undefined : this.#seal(work, saved)),
        () => {},
      )
      .catch((error: unknown) => this.#options.log('states.not_sealed', { code: errorCodeOf(error) }))
      .finally(async () => {
        await this.#shelf.drop(work.id);
        this.#works.delete(work);
      });
    await writing.catch((error: unknown) => {
      if (!forgotten.signal.aborted) throw error;
    });
  }

  #isForgotten({ forgotten }: Work): boolean {
    return forgotten.signal.aborted || !this.#isOn;
  }

  async #write(
    held: HeldChat,
    unsaved: Unsaved,
    work: Work,
    signal: AbortSignal,
  ): Promise<SavedState | null> {
    const { engine, log } = this.#options;
    const { conversationId } = held;
    const chat = await this.#chatOf(conversationId);
    // Whether it is temporary could not be asked: it is next time.
    if (chat === 'unknown') return null;
    const isSame = () => this.#unsaved.get(conversationId) === unsaved;
    if (chat !== 'kept') {
      if (isSame()) this.#unsaved.delete(conversationId);
      return null;
    }
    if (!(await this.#hasRoomFor(held))) {
      log('states.no_room');
      return null;
    }
    if (this.#isForgotten(work)) return null;
    const saved = await engine.saveState({ conversationId, path: this.#shelf.partPath(work.id) }, signal);
    if (saved === null) return null;
    await this.#noteWritten(saved);
    if (this.#isForgotten(work)) return null;
    if (isSame()) this.#unsaved.delete(conversationId);
    return saved;
  }

  /**
   * Where a chat may be copied in memory by way of the disk; null where it must not be there. {@link endCopy} it when
   * the engine is done.
   */
  async branchCopy(conversationId: string): Promise<BranchFile | null> {
    if (!this.#isOn) return null;
    const branch = new BranchFile(conversationId, this.#shelf, this.#keptChats);
    // Known before anything is waited for: whoever deletes the chat meanwhile ends it.
    this.#branches.add(branch);
    if (await this.#mayCopy(branch)) branch.allow((await this.#space()).cap);
    if (branch.maxBytes > 0 && !branch.isForgotten && this.#isOn) return branch;
    this.#branches.delete(branch);
    return null;
  }

  async #mayCopy(branch: BranchFile): Promise<boolean> {
    const { conversationId } = branch;
    if (this.#keptChats.has(conversationId)) return true;
    const isKept = (await this.#chatOf(conversationId)) === 'kept';
    if (isKept && !branch.isForgotten) this.#keptChats.add(conversationId);
    return isKept;
  }

  /** The engine is done with it. */
  async endCopy(branch: BranchFile): Promise<void> {
    await branch.end();
    this.#branches.delete(branch);
  }

  async #noteWritten({ key, tokens, bytes }: SavedState): Promise<void> {
    const longest = this.#written.get(key);
    if (!longest || longest.tokens < tokens.length) this.#written.set(key, { tokens: tokens.length, bytes });
    await this.#shelf.noteWritten(bytes);
  }

  async #seal(work: Work, saved: SavedState): Promise<void> {
    const { id, conversationId } = work;
    const { key, tokens, bytes, elapsedMs, readingMs } = saved;
    const { cap } = await this.#space();
    const needed = sealedBytes(bytes, tokens.length);
    if (this.#isForgotten(work) || needed > cap) return;
    const hasRoom = await this.#shelf.makeRoom(id, needed, cap, new Set(this.#inUse));
    if (!hasRoom || this.#isForgotten(work)) return;
    await this.#shelf.add({ id, conversationId, key, tokens, readingMs: readingMs ?? 0 });
    if (this.#isForgotten(work)) await this.#shelf.delete(id);
    else
      this.#options.log('states.saved', { tokens: tokens.length, bytes, elapsedMs: Math.round(elapsedMs) });
  }

  async #hasRoomFor(held: HeldChat): Promise<boolean> {
    const { free, cap } = await this.#space();
    const bytes = this.#bytesOf(held);
    return bytes <= cap && (free === null || free - bytes > LOW_SPACE_BYTES);
  }

  /** What a state would take: as the engine says, and no less than a shorter one of this model took. */
  #bytesOf({ tokens, bytes }: HeldChat): number {
    const { stateKey } = this.#options.engine;
    const longest = stateKey === null ? undefined : this.#written.get(stateKey);
    const known = longest && longest.tokens <= tokens ? longest.bytes : 0;
    if (bytes !== null) return Math.max(bytes, known);
    const perToken = this.#shelf.all.map(({ record, bytes: size }) => size / record.tokenCount);
    return Math.max(known, tokens * Math.max(0, ...perToken));
  }

  // Reading --------------------------------------------------------------------------------------------------

  /** What is kept of a chat for the model in memory; null when there is nothing. */
  async offer(conversationId: string): Promise<Offer | null> {
    await this.#opened;
    const key = this.#options.engine.stateKey;
    if (!this.#isOn || key === null) return null;
    const candidates: SavedStates['candidates'][number][] = [];
    for (const { record, bytes } of this.#shelf.of(conversationId)) {
      const tokens = record.key === key ? await this.#shelf.tokensOf(record.id) : null;
      if (tokens !== null) candidates.push({ id: record.id, key, tokens: [...tokens], bytes });
    }
    return candidates.length === 0 ? null : this.#offerOf(candidates);
  }

  #offerOf(candidates: SavedStates['candidates']): Offer {
    const reading = new Set<string>();
    const opened = new Set<string>();
    const read = () => {
      for (const id of reading) {
        this.#inUse.splice(this.#inUse.indexOf(id), 1);
        void this.#shelf.endReading(id);
      }
      reading.clear();
    };
    const states: SavedStates = {
      candidates,
      open: async (id) => {
        const path = await this.#shelf.startReading(id);
        if (path === null) {
          this.#options.log('states.damaged');
          return null;
        }
        reading.add(id);
        opened.add(id);
        this.#inUse.push(id);
        return path;
      },
      rejected: (id) => {
        this.#options.log('states.rejected');
        void this.#shelf.delete(id);
      },
    };
    const blame = () => {
      for (const id of opened) states.rejected(id);
    };
    return { states, read, blame };
  }
}
