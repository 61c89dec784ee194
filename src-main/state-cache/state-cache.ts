import { randomUUID } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { errorCodeOf, LOW_SPACE_BYTES, type SavedStatesInfo } from '../contract/index.ts';
import type { Engine, HeldChat, SavedState, SavedStates } from '../engine/api.ts';
import type { Platform } from '../platform.ts';
import type { SettingsService } from '../settings/settings.ts';
import type { StoreClient } from '../store/api.ts';
import { capOf, isWorthSaving, WORTH_MS } from './decide.ts';
import { Shelf } from './shelf.ts';

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

/** A state that is being made of what the engine wrote. */
interface Sealing {
  readonly conversationId: string;
  isForgotten: boolean;
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

/** What of a chat is in memory and in no saved state. */
type Unsaved = Map<string, { freshTokens: number }>;

/**
 * What the engine has read of the chats, kept on the disk. Saved when a chat is left, after {@link IDLE_MS}, and when
 * the app ends; never where the chat is temporary or the disk is nearly full. Nothing here fails a caller: without a
 * saved state a chat is read again.
 */
export class StateCache {
  readonly #options: StateCacheOptions;
  readonly #shelf: Shelf;
  readonly #opened: Promise<void>;
  readonly #unsaved: Unsaved = new Map();
  readonly #sealings = new Set<Sealing>();
  /** States that answers read now, each as often as it is read. */
  readonly #inUse: string[] = [];
  readonly #stopListening: () => void;
  #saving: Promise<void> = Promise.resolve();
  #answering = 0;
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
    if (!this.#isOn) return this.#deleteAll();
    // A chat may have gone while its state could not: a kill, or a backup that was put back.
    for (const conversationId of new Set(this.#shelf.all.map(({ record }) => record.conversationId)))
      if ((await this.#chatOf(conversationId)) === 'gone') await this.#deleteOf(conversationId);
    await this.#shrink();
  }

  async #chatOf(id: string): Promise<'gone' | 'temporary' | 'kept'> {
    try {
      const { temporary } = await this.#options.store.conversations.head({ id });
      return temporary ? 'temporary' : 'kept';
    } catch (error) {
      return errorCodeOf(error) === 'not_found' ? 'gone' : 'kept';
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
    await this.#opened;
    this.#unsaved.clear();
    await this.#forgetSealings(() => true);
    await this.#deleteAll();
  }

  /** Deletes what is kept of these chats, before they are deleted themselves. */
  async forget(conversationIds: readonly string[]): Promise<void> {
    await this.#opened;
    const ids = new Set(conversationIds);
    for (const id of ids) this.#unsaved.delete(id);
    await this.#forgetSealings(({ conversationId }) => ids.has(conversationId));
    for (const id of ids) await this.#deleteOf(id);
  }

  async #forgetSealings(isMeant: (sealing: Sealing) => boolean): Promise<void> {
    const meant = [...this.#sealings].filter(isMeant);
    for (const sealing of meant) sealing.isForgotten = true;
    await Promise.all(meant.map(({ done }) => done));
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

  /** An answer in one chat, or another model, is about to take the memory of the others. */
  async leave(except: string | null): Promise<void> {
    // While another answers, its turn would be waited for.
    if (this.#answering <= 1) await this.#save(except, LEAVE_MS);
  }

  /** Before the engine ends. */
  async quit(): Promise<void> {
    clearTimeout(this.#idleTimer);
    const patience = new AbortController();
    const all = this.#save(null, QUIT_MS).then(() =>
      Promise.all([...this.#sealings].map(({ done }) => done)),
    );
    await Promise.race([all, delay(QUIT_MS, undefined, { signal: patience.signal }).catch(() => {})]);
    patience.abort();
    this.#isClosed = true;
    this.#stopListening();
    // What the limit cut off is no state: the next start removes what was written of it.
    for (const sealing of this.#sealings) sealing.isForgotten = true;
  }

  answerStarts(): void {
    this.#answering += 1;
    clearTimeout(this.#idleTimer);
  }

  /** @param freshTokens read or written by this answer, as far as the figures tell */
  answerEnds(conversationId: string, freshTokens: number): void {
    this.#answering -= 1;
    const before = this.#unsaved.get(conversationId)?.freshTokens ?? 0;
    if (freshTokens > 0) this.#unsaved.set(conversationId, { freshTokens: before + freshTokens });
    if (this.#answering > 0 || this.#isClosed) return;
    this.#idleTimer = setTimeout(() => void this.#save(null, IDLE_MS, true), this.#options.idleMs ?? IDLE_MS);
    this.#idleTimer.unref();
  }

  /** Saves what is worth it, one chat after the other. Never rejects. */
  #save(except: string | null, limitMs: number, isIdle = false): Promise<void> {
    const signal = AbortSignal.timeout(limitMs);
    this.#saving = this.#saving
      .then(() => this.#saveHeld(except, signal, isIdle))
      .catch((error: unknown) => {
        this.#options.log('states.not_saved', { code: errorCodeOf(error) });
      });
    return this.#saving;
  }

  async #saveHeld(except: string | null, signal: AbortSignal, isIdle: boolean): Promise<void> {
    const { engine, worthMs = WORTH_MS } = this.#options;
    if (!this.#isOn || this.#unsaved.size === 0 || engine.stateKey === null) return;
    await this.#opened;
    for (const held of await engine.heldChats()) {
      const { conversationId } = held;
      const unsaved = this.#unsaved.get(conversationId);
      if (!unsaved || conversationId === except || signal.aborted) continue;
      // Someone is writing there: what was read of the message would be given up.
      if (isIdle && held.hasDraft) continue;
      // What is not worth it now stays on the list: it grows with the next answer.
      if (!isWorthSaving({ ...held, freshTokens: this.#freshOf(held, unsaved) }, worthMs)) continue;
      if ((await this.#chatOf(conversationId)) !== 'kept') this.#unsaved.delete(conversationId);
      else await this.#saveOne(held, signal);
    }
  }

  /** What this chat took over from another one in memory is in none of its own states. */
  #freshOf({ conversationId, tokens }: HeldChat, { freshTokens }: { freshTokens: number }): number {
    const key = this.#options.engine.stateKey;
    const isSaved =
      this.#shelf.of(conversationId).some(({ record }) => record.key === key) ||
      [...this.#sealings].some((sealing) => sealing.conversationId === conversationId);
    return isSaved ? freshTokens : tokens;
  }

  async #saveOne({ conversationId, tokens }: HeldChat, signal: AbortSignal): Promise<void> {
    const { engine, log } = this.#options;
    if (!(await this.#hasRoomFor(tokens))) return log('states.no_room');
    const id = randomUUID();
    const unsaved = this.#unsaved.get(conversationId);
    const saved = await engine
      .saveState({ conversationId, path: this.#shelf.partPath(id) }, signal)
      .catch(async (error: unknown) => {
        await this.#shelf.drop(id);
        throw error;
      });
    if (saved === null) return this.#shelf.drop(id);
    // Forgotten meanwhile: it is on the list no more.
    const isForgotten = this.#unsaved.get(conversationId) !== unsaved;
    this.#unsaved.delete(conversationId);
    const sealing: Sealing = { conversationId, isForgotten, done: Promise.resolve() };
    this.#sealings.add(sealing);
    sealing.done = this.#seal(id, sealing, saved)
      .catch((error: unknown) => log('states.not_sealed', { code: errorCodeOf(error) }))
      .finally(() => this.#sealings.delete(sealing));
  }

  /** The memory is free to change from here on: the rest is between us and the disk. */
  async #seal(id: string, sealing: Sealing, saved: SavedState): Promise<void> {
    const { conversationId } = sealing;
    const { key, tokens, bytes, elapsedMs, readingMs } = saved;
    await this.#shelf.noteWritten(bytes);
    const { cap } = await this.#space();
    try {
      if (sealing.isForgotten || bytes > cap) return;
      await this.#shelf.shrink(cap - bytes, new Set(this.#inUse));
      if (sealing.isForgotten) return;
      await this.#shelf.add({ id, conversationId, key, tokens, readingMs: readingMs ?? 0 });
      if (sealing.isForgotten) await this.#shelf.delete(id);
      else
        this.#options.log('states.saved', { tokens: tokens.length, bytes, elapsedMs: Math.round(elapsedMs) });
    } finally {
      await this.#shelf.drop(id);
    }
  }

  /** As large as those before it, token by token; the first one is looked at when it is there. */
  async #hasRoomFor(tokens: number): Promise<boolean> {
    const { free } = await this.#space();
    if (free === null) return true;
    const perToken = Math.max(0, ...this.#shelf.all.map(({ record, bytes }) => bytes / record.tokenCount));
    return free - perToken * tokens > LOW_SPACE_BYTES;
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
