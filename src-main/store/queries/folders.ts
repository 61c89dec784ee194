import { appError, MAX_FOLDER_DEPTH } from '../../contract/index.ts';
import type { FolderBefore, StoreApi, StoredFolder } from '../api.ts';
import { all, assignments, change, insertInto, one, run, selectList } from '../sql.ts';
import type { Columns, Db, Queries } from '../sql.ts';
import { updateChats } from './history-states.ts';

const columns: Columns<StoredFolder> = {
  id: 'id',
  name: 'name',
  parentId: 'parent_id',
  createdAt: 'created_at',
  modelId: 'model_id',
  systemPrompt: 'system_prompt',
};

const SELECT = `SELECT ${selectList('f', columns)} FROM folders f`;

/** A folder and all folders inside it. UNION: even a damaged tree with a cycle ends. */
const INSIDE = `WITH RECURSIVE inside (id) AS (
    SELECT id FROM folders WHERE id = @id
    UNION
    SELECT f.id FROM inside JOIN folders f ON f.parent_id = inside.id
  )`;

/** From a folder up to the top, nearest first. */
const ABOVE = `WITH RECURSIVE above (id, parent_id, depth) AS (
    SELECT id, parent_id, 0 FROM folders WHERE id = @id
    UNION
    SELECT f.id, f.parent_id, above.depth + 1 FROM above JOIN folders f ON f.id = above.parent_id
      WHERE above.depth <= ${MAX_FOLDER_DEPTH}
  )`;

const folderWithId = (db: Db, id: string) => one<StoredFolder>(db, `${SELECT} WHERE f.id = @id`, { id });

/** Ids of a folder and all inside it. */
export function folderIdsInside(db: Db, id: string): string[] {
  return all<{ id: string }>(db, `${INSIDE} SELECT id FROM inside`, { id }).map((row) => row.id);
}

/** @throws not_found, invalid_input when a folder with `height` levels would lie too deep there */
function checkDepth(db: Db, parentId: string | null, height: number): void {
  if (parentId === null) return;
  folderWithId(db, parentId);
  const depth = all(db, `${ABOVE} SELECT id FROM above`, { id: parentId }).length;
  if (depth + height > MAX_FOLDER_DEPTH) throw appError('invalid_input', { maxDepth: MAX_FOLDER_DEPTH });
}

/** Levels of a folder, itself counted. */
function heightOf(db: Db, id: string): number {
  const { height } = one<{ height: number }>(
    db,
    `WITH RECURSIVE inside (id, level) AS (
        SELECT id, 1 FROM folders WHERE id = @id
        UNION
        SELECT f.id, inside.level + 1 FROM inside JOIN folders f ON f.parent_id = inside.id
          WHERE inside.level <= ${MAX_FOLDER_DEPTH}
      ) SELECT max(level) AS height FROM inside`,
    { id },
  );
  return height;
}

const save = (db: Db, folder: StoredFolder) =>
  change(db, `UPDATE folders SET ${assignments(columns)} WHERE id = @id`, { ...folder });

const isThere = (db: Db, id: string) => all(db, `${SELECT} WHERE f.id = @id`, { id }).length > 0;

/** Saves a folder; at the top when its parent is gone or lies inside it. */
function saveWhole(db: Db, folder: StoredFolder): void {
  const { id, parentId } = folder;
  const isPlace = parentId !== null && isThere(db, parentId) && !folderIdsInside(db, id).includes(parentId);
  save(db, isPlace ? folder : { ...folder, parentId: null });
}

/** Makes folders, or puts them back as they were. Parents may come in any order. */
export function insertFolders(db: Db, folders: readonly StoredFolder[]): void {
  for (const folder of folders) {
    run(db, `${insertInto('folders', columns)} ON CONFLICT (id) DO NOTHING`, { ...folder, parentId: null });
  }
  for (const folder of folders) saveWhole(db, folder);
}

const isWhole = (folder: FolderBefore): folder is StoredFolder =>
  Object.keys(columns).every((field) => field in folder);

/** Puts back what an action changed of folders, and nothing else; what has gone since stays away. */
export function putBackFolders(db: Db, folders: readonly FolderBefore[]): void {
  insertFolders(db, folders.filter(isWhole));
  for (const folder of folders) {
    if (!isWhole(folder) && isThere(db, folder.id))
      saveWhole(db, { ...folderWithId(db, folder.id), ...folder });
  }
}

function update(db: Db, { id, patch }: Parameters<StoreApi['folders']['update']>[0]): FolderBefore {
  const before = folderWithId(db, id);
  const { parentId } = patch;
  if (parentId !== undefined && parentId !== before.parentId) {
    if (parentId !== null && folderIdsInside(db, id).includes(parentId)) throw appError('conflict');
    checkDepth(db, parentId, heightOf(db, id));
  }
  save(db, { ...before, ...patch });
  const changed = Object.entries(before).filter(([field]) => field in patch);
  return { id, ...Object.fromEntries(changed) };
}

function remove(db: Db, { id, chats, at }: Parameters<StoreApi['folders']['remove']>[0]) {
  const folder = folderWithId(db, id);
  const inside = folderIdsInside(db, id);
  const gone = chats === 'to_trash' ? inside : [id];
  const foldersBefore = inside.flatMap<FolderBefore>((folderId) => {
    const before = folderWithId(db, folderId);
    if (gone.includes(folderId)) return [before];
    // Those that move up.
    return before.parentId === id ? [{ id: folderId, parentId: id }] : [];
  });
  const chatIds = all<{ id: string }>(
    db,
    'SELECT id FROM conversations WHERE folder_id IN (SELECT value FROM json_each(@gone))',
    { gone: JSON.stringify(gone) },
  ).map((row) => row.id);
  const to = chats === 'to_trash' ? { folderId: null, trashed: true } : { folderId: folder.parentId };
  const states = updateChats(db, chatIds, to, at);
  if (chats === 'to_parent') {
    run(db, 'UPDATE folders SET parent_id = @parentId WHERE parent_id = @id', {
      id,
      parentId: folder.parentId,
    });
  }
  // Children before parents: nothing may point at a folder that is gone.
  for (const folderId of gone.toReversed()) run(db, 'DELETE FROM folders WHERE id = @folderId', { folderId });
  return { folders: foldersBefore, states };
}

/** Names are ordered by the interface's language; here only so that the order is stable. */
export const folders: Queries<StoreApi['folders']> = {
  list: (db) => all<StoredFolder>(db, `${SELECT} ORDER BY f.name COLLATE NOCASE, f.created_at`),

  create(db, folder) {
    checkDepth(db, folder.parentId, 1);
    run(db, insertInto('folders', columns), { ...folder });
  },

  update,

  remove,

  /** The nearest folder upwards that says something wins. */
  defaults(db, { id }) {
    const chain = all<Pick<StoredFolder, 'modelId' | 'systemPrompt'>>(
      db,
      `${ABOVE} SELECT f.model_id AS modelId, f.system_prompt AS systemPrompt
        FROM above JOIN folders f ON f.id = above.id ORDER BY above.depth`,
      { id },
    );
    if (chain.length === 0) throw appError('not_found');
    return {
      modelId: chain.find(({ modelId }) => modelId !== null)?.modelId ?? null,
      systemPrompt: chain.find(({ systemPrompt }) => systemPrompt !== null)?.systemPrompt ?? null,
    };
  },
};
