import { randomUUID } from 'node:crypto';
import { appError, type ImportReport } from '../../contract/index.ts';
import type { EventBus } from '../../events.ts';
import { noGuard, type RoomGuard } from '../../free-space.ts';
import type { Store } from '../../store/api.ts';
import { ImportRun } from './import-run.ts';

/** More than these are not told one by one: clients fetch their lists again. */
const MAX_TOLD = 1_000;
/** Imports at once; the oldest of more is given up. */
const MAX_OPEN = 4;

export interface ImporterDeps {
  store: Store;
  bus: EventBus;
  /** Deletes what is marked for it. */
  purge(): Promise<void>;
  /** Looks whether the file will fit. */
  room?: RoomGuard;
}

export type Importer = ReturnType<typeof createImporter>;

/**
 * Takes chats from files, as their text arrives: one chat is in memory at a time. Either all of it is taken or
 * nothing; a chat that is not of its program's form is counted and left out, and of several files one that holds no
 * chats at all.
 */
export function createImporter({ store, bus, purge, room = noGuard }: ImporterDeps) {
  const open = new Map<string, ImportRun>();

  const importWith = (id: string): ImportRun => {
    const found = open.get(id);
    if (!found) throw appError('not_found');
    return found;
  };

  async function abandon(id: string): Promise<void> {
    const run = open.get(id);
    open.delete(id);
    await run?.end();
    if ((await store.transfer.abandon({ id })) > 0) await purge();
  }

  /** Runs a step; whatever fails takes out what the import has brought. */
  async function step<T>(id: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      // Not waited for by itself: it would wait for the step that failed.
      if (open.has(id)) await abandon(id).catch(() => {});
      throw error;
    }
  }

  return {
    async begin({ several = false, sizeBytes = 0 } = {}): Promise<{ importId: string }> {
      await room.forImport(sizeBytes);
      // A page that was loaded again has forgotten its import.
      const [oldest] = open.keys();
      if (oldest !== undefined && open.size >= MAX_OPEN) await abandon(oldest);
      const id = randomUUID();
      await store.transfer.begin({ id, at: Date.now() });
      open.set(id, new ImportRun({ store, id, several, sizeBytes, room }));
      return { importId: id };
    },

    /** What follows belongs to the next file. */
    nextFile(id: string, name: string): Promise<void> {
      const run = importWith(id);
      return step(id, () => run.nextFile(name));
    },

    append(id: string, text: string): Promise<{ chats: number }> {
      const run = importWith(id);
      return step(id, () => run.append(text));
    },

    finish(id: string): Promise<ImportReport> {
      const run = importWith(id);
      return step(id, async () => {
        const { report, conversationIds } = await run.finish();
        open.delete(id);
        try {
          await store.transfer.finish({ id, at: Date.now() });
        } catch (error) {
          open.set(id, run);
          throw error;
        }
        bus.emit({
          type: 'history.changed',
          conversationIds: conversationIds.slice(0, MAX_TOLD),
          folders: true,
          tags: true,
        });
        if (conversationIds.length > MAX_TOLD) bus.emit({ type: 'gap' });
        return report;
      });
    },

    async cancel(id: string): Promise<void> {
      if (open.has(id)) await abandon(id);
    },

    async close(): Promise<void> {
      for (const id of [...open.keys()]) await abandon(id).catch(() => {});
    },
  };
}
