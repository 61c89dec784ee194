import * as v from 'valibot';
import { Sampling, type ModelSettings } from '../../contract/index.ts';
import type { RemovedModel, StoreApi, StoredModel, StoredTuning } from '../api.ts';
import { all, assignments, change, first, insertInto, one, patched, run, selectList } from '../sql.ts';
import type { Columns, Db, Queries } from '../sql.ts';
import { adapters } from './adapters.ts';

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

const ATTACHED = `SELECT seq, model_id AS modelId, adapter_id AS adapterId, scale FROM attached_adapters
  WHERE model_id = @id OR adapter_id = @id ORDER BY seq`;
/** In its old place, where nothing else has that since. */
const ATTACH_AGAIN = `INSERT OR IGNORE INTO attached_adapters (seq, model_id, adapter_id, scale)
  SELECT CASE WHEN EXISTS (SELECT 1 FROM attached_adapters WHERE seq = @seq) THEN NULL ELSE @seq END,
    @modelId, @adapterId, @scale
  WHERE EXISTS (SELECT 1 FROM models WHERE id = @modelId)
    AND EXISTS (SELECT 1 FROM adapters WHERE model_id = @adapterId)`;
const DRAFTS = `SELECT id AS modelId, draft_model_id AS draftId FROM models
  WHERE draft_model_id IS NOT NULL AND (id = @id OR draft_model_id = @id)`;
const DRAFT_AGAIN = `UPDATE models SET draft_model_id = @draftId
  WHERE id = @modelId AND draft_model_id IS NULL AND EXISTS (SELECT 1 FROM models WHERE id = @draftId)`;
const TUNING = `SELECT key, threads, cache_divergence AS cacheDivergence FROM model_tunings WHERE model_id = @id`;

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
    const chosen = all<{ id: string }>(db, 'SELECT id FROM conversations WHERE model_id = @id', { id });
    const removed = {
      model: modelWithId(db, id),
      adapter: adapters.list(db, undefined).find(({ modelId }) => modelId === id) ?? null,
      tuning: first<NonNullable<RemovedModel['tuning']>>(db, TUNING, { id }) ?? null,
      attached: all<RemovedModel['attached'][number]>(db, ATTACHED, { id }),
      drafts: all<RemovedModel['drafts'][number]>(db, DRAFTS, { id }),
      conversationIds: chosen.map((chat) => chat.id),
    };
    change(db, 'DELETE FROM models WHERE id = @id', { id });
    run(db, 'UPDATE conversations SET model_id = NULL WHERE model_id = @id', { id });
    return removed;
  },

  putBack(db, { model, adapter, tuning, attached, drafts, conversationIds }) {
    const { id } = model;
    // The draft may be gone: it comes with the others below.
    const settings = { ...model.settings, draftModelId: null };
    run(db, insertInto('models', columns), { ...rowOf({ ...model, settings }) });
    if (adapter) adapters.put(db, adapter);
    if (tuning) models.saveTuning(db, { id, ...tuning });
    for (const link of attached) run(db, ATTACH_AGAIN, link);
    for (const link of drafts) run(db, DRAFT_AGAIN, link);
    run(
      db,
      `UPDATE conversations SET model_id = @id
        WHERE model_id IS NULL AND id IN (SELECT value FROM json_each(@ids))`,
      { id, ids: JSON.stringify(conversationIds) },
    );
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
