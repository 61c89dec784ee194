import type { StoreApi, StoredModelFolder } from '../api.ts';
import { all, assignments, change, insertInto, run, selectList } from '../sql.ts';
import type { Columns, Queries } from '../sql.ts';

const columns: Columns<StoredModelFolder> = { path: 'path', app: 'app', addedAt: 'added_at' };
const SELECT = `SELECT ${selectList('f', columns)} FROM model_folders f`;
const INSERT = `${insertInto('model_folders', columns)}
  ON CONFLICT (path) DO UPDATE SET ${assignments({ app: 'app' })}`;

export const modelFolders: Queries<StoreApi['modelFolders']> = {
  list: (db) => all<StoredModelFolder>(db, `${SELECT} ORDER BY f.added_at, f.path`),
  add: (db, folder) => void run(db, INSERT, { ...folder }),
  remove: (db, { path }) => change(db, 'DELETE FROM model_folders WHERE path = @path', { path }),
  hidden: (db) => all<{ path: string }>(db, 'SELECT path FROM hidden_model_files').map(({ path }) => path),
  hide: (db, { path }) =>
    void run(db, 'INSERT INTO hidden_model_files (path) VALUES (@path) ON CONFLICT DO NOTHING', { path }),
  unhide: (db, { path }) => void run(db, 'DELETE FROM hidden_model_files WHERE path = @path', { path }),
};
