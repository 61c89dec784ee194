import * as v from 'valibot';
import { ReasoningSettings, Sampling } from '../../contract/index.ts';
import type { StoreApi, StoredPreset } from '../api.ts';
import { all, assignments, change, insertInto, one, patched, run, selectList } from '../sql.ts';
import type { Columns, Db, Queries } from '../sql.ts';

type PresetRow = Omit<StoredPreset, 'sampling' | 'reasoning'> & {
  /** JSON of the whole. */ sampling: string | null;
  reasoning: string | null;
};

const columns: Columns<PresetRow> = {
  id: 'id',
  name: 'name',
  systemPrompt: 'system_prompt',
  sampling: 'sampling',
  reasoning: 'reasoning',
  modelId: 'model_id',
  createdAt: 'created_at',
  updatedAt: 'updated_at',
};

const SELECT = `SELECT ${selectList('p', columns)} FROM presets p WHERE p.removed_at IS NULL`;
const INSERT = insertInto('presets', columns);
const UPDATE = `UPDATE presets SET ${assignments(columns)} WHERE id = @id AND removed_at IS NULL`;

const presetOf = ({ sampling, reasoning, ...row }: PresetRow): StoredPreset => ({
  ...row,
  sampling: sampling === null ? null : v.parse(Sampling, JSON.parse(sampling)),
  reasoning: reasoning === null ? null : v.parse(ReasoningSettings, JSON.parse(reasoning)),
});

const rowOf = ({ sampling, reasoning, ...preset }: StoredPreset): PresetRow => ({
  ...preset,
  sampling: sampling === null ? null : JSON.stringify(sampling),
  reasoning: reasoning === null ? null : JSON.stringify(reasoning),
});

const withId = (db: Db, id: string) => presetOf(one<PresetRow>(db, `${SELECT} AND p.id = @id`, { id }));

/** A removed preset is `not_found` for everything but `restore`. */
export const presets: Queries<StoreApi['presets']> = {
  list: (db) =>
    all<PresetRow>(db, `${SELECT} ORDER BY p.name COLLATE NOCASE, p.created_at, p.id`).map(presetOf),

  get: (db, { id }) => withId(db, id),

  add(db, { presets: added }) {
    for (const preset of added) run(db, INSERT, { ...rowOf(preset) });
  },

  update(db, { id, patch, at }) {
    change(db, UPDATE, { ...rowOf({ ...patched(withId(db, id), patch), updatedAt: at }) });
  },

  remove: (db, input) =>
    change(db, 'UPDATE presets SET removed_at = coalesce(removed_at, @at) WHERE id = @id', input),

  restore: (db, input) => change(db, 'UPDATE presets SET removed_at = NULL WHERE id = @id', input),
};
