import * as v from 'valibot';
import { Sampling, type ModelSettings } from '../../contract/index.ts';
import type { StoreApi, StoredModel, StoredTuning } from '../api.ts';
import { all, assignments, change, insertInto, one, patched, run, selectList } from '../sql.ts';
import type { Columns, Db, Queries } from '../sql.ts';

type Flags = 'hasChatTemplate' | 'lastLoadCrashed';
type HeaderFields = Omit<
  StoredModel,
  'id' | 'path' | 'addedAt' | 'lastUsedAt' | 'lastLoadCrashed' | 'settings' | 'notes'
>;
type SettingsRow = Omit<ModelSettings, 'sampling'> & {
  /** JSON of a whole {@link Sampling}. */ sampling: string | null;
};
type ModelRow = Omit<StoredModel, Flags | 'settings'> & Record<Flags, 0 | 1> & SettingsRow;

/** What a second look at the file refreshes; everything else is the library's own and stays. */
const headerColumns: Columns<HeaderFields> = {
  kind: 'kind',
  name: 'name',
  sizeBytes: 'size_bytes',
  architecture: 'architecture',
  parameterCount: 'parameter_count',
  quant: 'quant',
  trainedContextSize: 'trained_context_size',
  licence: 'licence',
  hasChatTemplate: 'has_chat_template',
  parts: 'parts',
};

const settingsColumns: Columns<SettingsRow> = {
  contextSize: 'context_size',
  gpuLayers: 'gpu_layers',
  threads: 'threads',
  flashAttention: 'flash_attention',
  sampling: 'sampling',
  chatTemplate: 'chat_template',
  keepLoadedMinutes: 'keep_loaded_minutes',
  speculation: 'speculation',
  cacheType: 'cache_type',
  liveChats: 'live_chats',
  draftModelId: 'draft_model_id',
};

const columns: Columns<ModelRow> = {
  id: 'id',
  path: 'path',
  ...headerColumns,
  addedAt: 'added_at',
  lastUsedAt: 'last_used_at',
  lastLoadCrashed: 'last_load_crashed',
  notes: 'notes',
  ...settingsColumns,
};

const SELECT = `SELECT ${selectList('m', columns)} FROM models m`;
const UPSERT = `${insertInto('models', columns)} ON CONFLICT (path) DO UPDATE SET ${assignments(headerColumns)}`;

function modelOf({
  contextSize,
  gpuLayers,
  threads,
  flashAttention,
  sampling,
  chatTemplate,
  keepLoadedMinutes,
  speculation,
  cacheType,
  liveChats,
  draftModelId,
  hasChatTemplate,
  lastLoadCrashed,
  ...row
}: ModelRow): StoredModel {
  return {
    ...row,
    hasChatTemplate: hasChatTemplate === 1,
    lastLoadCrashed: lastLoadCrashed === 1,
    settings: {
      contextSize,
      gpuLayers,
      threads,
      flashAttention,
      sampling: sampling === null ? null : v.parse(Sampling, JSON.parse(sampling)),
      chatTemplate,
      keepLoadedMinutes,
      speculation,
      cacheType,
      liveChats,
      draftModelId,
    },
  };
}

/** Sampling is stored whole: no query looks into it. */
function settingsRowOf({ sampling, ...settings }: ModelSettings): SettingsRow {
  return { ...settings, sampling: sampling === null ? null : JSON.stringify(sampling) };
}

function rowOf({ settings, hasChatTemplate, lastLoadCrashed, ...model }: StoredModel): ModelRow {
  return {
    ...model,
    hasChatTemplate: hasChatTemplate ? 1 : 0,
    lastLoadCrashed: lastLoadCrashed ? 1 : 0,
    ...settingsRowOf(settings),
  };
}

const modelWithId = (db: Db, id: string) => modelOf(one<ModelRow>(db, `${SELECT} WHERE m.id = @id`, { id }));

/** Removing a model also takes it out of the settings of conversations; messages keep its id and name. */
export const models: Queries<StoreApi['models']> = {
  list: (db) => all<ModelRow>(db, `${SELECT} ORDER BY m.name COLLATE NOCASE, m.added_at, m.id`).map(modelOf),

  get: (db, { id }) => modelWithId(db, id),

  upsert(db, model) {
    run(db, UPSERT, { ...rowOf(model) });
    return modelOf(one<ModelRow>(db, `${SELECT} WHERE m.path = @path`, { path: model.path }));
  },

  remove(db, { id }) {
    change(db, 'DELETE FROM models WHERE id = @id', { id });
    const chosen = all<{ id: string }>(db, 'SELECT id FROM conversations WHERE model_id = @id', { id });
    run(db, 'UPDATE conversations SET model_id = NULL WHERE model_id = @id', { id });
    return { conversationIds: chosen.map((chat) => chat.id) };
  },

  giveBack(db, { from, to, conversationIds }) {
    run(
      db,
      `UPDATE conversations SET model_id = @to
        WHERE model_id IS NULL AND id IN (SELECT value FROM json_each(@ids))`,
      { to, ids: JSON.stringify(conversationIds) },
    );
    run(db, 'UPDATE folders SET model_id = @to WHERE model_id = @from', { from, to });
  },

  move: (db, { id, path }) => change(db, 'UPDATE models SET path = @path WHERE id = @id', { id, path }),

  setLoadOutcome: (db, { id, crashed, usedAt }) =>
    change(
      db,
      `UPDATE models SET last_load_crashed = @crashed, last_used_at = coalesce(@usedAt, last_used_at)
        WHERE id = @id`,
      { id, crashed: crashed ? 1 : 0, usedAt },
    ),

  updateSettings(db, { id, settings }) {
    const merged = patched(modelWithId(db, id).settings, settings);
    change(db, `UPDATE models SET ${assignments(settingsColumns)} WHERE id = @id`, {
      id,
      ...settingsRowOf(merged),
    });
  },

  saveNotes: (db, { id, notes }) =>
    change(db, 'UPDATE models SET notes = @notes WHERE id = @id', { id, notes }),

  tuning(db, { id, key }) {
    const [found] = all<StoredTuning>(
      db,
      `SELECT threads, cache_divergence AS cacheDivergence FROM model_tunings
        WHERE model_id = @id AND key = @key`,
      { id, key },
    );
    return found ?? { threads: null, cacheDivergence: null };
  },

  saveTuning: (db, { id, key, threads, cacheDivergence }) =>
    run(
      db,
      `INSERT INTO model_tunings (model_id, key, threads, cache_divergence)
        VALUES (@id, @key, @threads, @cacheDivergence)
        ON CONFLICT (model_id) DO UPDATE SET
          key = excluded.key, threads = excluded.threads, cache_divergence = excluded.cache_divergence`,
      { id, key, threads, cacheDivergence },
    ),
};
