import type {
  AppClient,
  AppEvent,
  ChatChange,
  ConversationSummary,
  Done,
  Folder,
  FolderDefaults,
  Tag,
} from '../../src-main/contract/index.ts';
import { ChatList } from './chat-list.svelte.ts';
import { failureOf, type Failure } from './failure.ts';
import { createRefresher } from './refresher.ts';

/** A folder with what lies in it. */
export interface FolderNode {
  readonly folder: Folder;
  readonly children: readonly FolderNode[];
  /** Chats in it and in the folders inside. */
  readonly count: number;
}

function treeOf(folders: readonly Folder[], counts: ReadonlyMap<string, number>): FolderNode[] {
  const byParent = Map.groupBy(folders, ({ parentId }) => parentId);
  const build = (parentId: string | null): FolderNode[] =>
    (byParent.get(parentId) ?? []).map((folder) => {
      const children = build(folder.id);
      const own = counts.get(folder.id) ?? 0;
      return { folder, children, count: children.reduce((sum, child) => sum + child.count, own) };
    });
  return build(null);
}

/** Folders, tags, archive and trash, and every step with chats that the core can take back. */
export class HistoryStore {
  folders = $state.raw<readonly Folder[]>([]);
  tags = $state.raw<readonly Tag[]>([]);
  failure = $state.raw<Failure | null>(null);
  /** Loaded when they are first shown. */
  readonly archive: ChatList;
  readonly trash: ChatList;
  readonly #client: AppClient;

  constructor(client: AppClient) {
    this.#client = client;
    this.archive = new ChatList(client, 'archive');
    this.trash = new ChatList(client, 'trash');
  }

  readonly refresh = createRefresher(async () => {
    try {
      [this.folders, this.tags] = await Promise.all([this.#client.folders.list(), this.#client.tags.list()]);
      this.failure = null;
    } catch (error) {
      this.failure = failureOf(error);
    }
  });

  handle(event: AppEvent): void {
    if (event.type === 'gap' || (event.type === 'history.changed' && (event.folders || event.tags)))
      void this.refresh();
    if (event.type === 'gap')
      for (const list of [this.archive, this.trash]) if (list.status !== 'idle') void list.refresh();
  }

  /** Takes chats as they are now into archive and trash. */
  take(fresh: readonly ConversationSummary[], gone: readonly string[]): void {
    for (const list of [this.archive, this.trash]) if (list.status !== 'idle') list.take(fresh, gone);
  }

  folder(id: string | null): Folder | undefined {
    return this.folders.find((folder) => folder.id === id);
  }

  /** The folder and those around it, the outermost first. */
  pathOf(id: string | null): Folder[] {
    const path: Folder[] = [];
    for (
      let folder = this.folder(id);
      folder && !path.includes(folder);
      folder = this.folder(folder.parentId)
    )
      path.unshift(folder);
    return path;
  }

  /** The folder and every folder inside it. */
  withInner(id: string): Set<string> {
    const ids = new Set([id]);
    for (let size = 0; size !== ids.size;) {
      size = ids.size;
      for (const { id: inner, parentId } of this.folders)
        if (parentId !== null && ids.has(parentId)) ids.add(inner);
    }
    return ids;
  }

  /** @param chats those that are counted */
  tree(chats: readonly ConversationSummary[]): FolderNode[] {
    const counts = new Map<string, number>();
    for (const { folderId } of chats)
      if (folderId !== null) counts.set(folderId, (counts.get(folderId) ?? 0) + 1);
    return treeOf(this.folders, counts);
  }

  tag(id: string): Tag | undefined {
    return this.tags.find((tag) => tag.id === id);
  }

  /** What a new chat in the folder begins with: its own defaults, else those of the folders around it. */
  defaultsOf(id: string | null): FolderDefaults {
    const path = this.pathOf(id).reverse();
    const first = <Key extends keyof FolderDefaults>(key: Key): FolderDefaults[Key] | null =>
      path.find(({ defaults }) => defaults[key] !== null)?.defaults[key] ?? null;
    return { modelId: first('modelId'), systemPrompt: first('systemPrompt') };
  }

  update(ids: readonly string[], change: ChatChange): Promise<Done> {
    return this.#client.history.update({ ids: [...ids], change });
  }

  async undo(undo: string): Promise<void> {
    await this.#client.history.undo({ undo });
    await this.refresh();
  }

  async createFolder(name: string, parentId: string | null): Promise<Folder> {
    const folder = await this.#client.folders.create({ name, parentId });
    await this.refresh();
    return folder;
  }

  async updateFolder(
    id: string,
    change: { name?: string; parentId?: string | null; defaults?: Partial<FolderDefaults> },
  ): Promise<Done> {
    const done = await this.#client.folders.update({ id, ...change });
    await this.refresh();
    return done;
  }

  async removeFolder(id: string, chats: 'to_parent' | 'to_trash'): Promise<Done> {
    const done = await this.#client.folders.remove({ id, chats });
    await this.refresh();
    return done;
  }

  async createTag(name: string): Promise<Tag> {
    const tag = await this.#client.tags.create({ name });
    await this.refresh();
    return tag;
  }

  /** @throws conflict when another tag has the name */
  async renameTag(id: string, name: string): Promise<Done> {
    const done = await this.#client.tags.rename({ id, name });
    await this.refresh();
    return done;
  }

  async removeTag(id: string): Promise<Done> {
    const done = await this.#client.tags.remove({ id });
    await this.refresh();
    return done;
  }

  /** Deletes chats in the trash from the live files. @returns how many */
  async deleteForever(ids: readonly string[]): Promise<number> {
    const { deleted } = await this.#client.history.deleteForever({ ids: [...ids] });
    await this.trash.refresh();
    return deleted;
  }

  async emptyTrash(): Promise<number> {
    const { deleted } = await this.#client.history.emptyTrash();
    await this.trash.refresh();
    return deleted;
  }

  async erase(ids: readonly string[]): Promise<{ erased: number; backupsRemoved: number }> {
    const result = await this.#client.history.erase({ ids: [...ids] });
    await this.trash.refresh();
    return result;
  }

  /** @param ids null: the whole trash */
  inBackups(ids: readonly string[] | null): Promise<{ backups: number; newestAt: number | null }> {
    return this.#client.history.inBackups({ ids: ids && [...ids] });
  }
}
