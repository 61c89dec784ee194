import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import {
  appError,
  DEFAULT_SAMPLING,
  MAX_PRESETS_IN_FILE,
  PRESET_FORMAT,
  PRESET_FORMAT_VERSION,
  PresetInFile,
  type Preset,
  type PresetImport,
  type PresetValues,
} from '../contract/index.ts';
import type { EventBus } from '../events.ts';
import type { Models } from '../models/models.ts';
import type { StoreClient, StoredPreset } from '../store/api.ts';

interface PresetsDeps {
  store: Pick<StoreClient, 'presets' | 'conversations'>;
  models: Pick<Models, 'list'>;
  bus: EventBus;
}

const builtIn = (
  id: string,
  kind: NonNullable<Preset['builtIn']>,
  name: string,
  sampling: Partial<PresetValues['sampling'] & object>,
): Preset => ({
  id,
  name,
  builtIn: kind,
  systemPrompt: '',
  sampling: { ...DEFAULT_SAMPLING, ...sampling },
  reasoning: null,
  modelId: null,
  createdAt: 0,
  updatedAt: 0,
});

/** The app's own. Their ids are fixed: chats refer to them. */
export const BUILT_IN_PRESETS: readonly Preset[] = [
  builtIn('5a0c0d8e-52a1-4c1e-9f0b-1d3f6a7b0001', 'precise', 'Precise', {
    temperature: 0.2,
    topP: 0.9,
    minP: 0.1,
  }),
  builtIn('5a0c0d8e-52a1-4c1e-9f0b-1d3f6a7b0002', 'balanced', 'Balanced', {}),
  builtIn('5a0c0d8e-52a1-4c1e-9f0b-1d3f6a7b0003', 'creative', 'Creative', {
    temperature: 1.1,
    topK: 100,
    topP: 0.98,
    minP: 0.02,
  }),
];

const isBuiltIn = (id: string) => BUILT_IN_PRESETS.some((preset) => preset.id === id);
/** A chat keeps its own system prompt under a preset that has none, as the app's own have. */
const promptOf = ({ builtIn: own, systemPrompt }: Preset) => (own === null ? { systemPrompt } : {});

export type PresetsService = ReturnType<typeof createPresets>;

/** The library of presets. */
export function createPresets({ store, models, bus }: PresetsDeps) {
  const changed = () => bus.emit({ type: 'presets.changed' });
  const ofUser = (row: StoredPreset): Preset => ({ ...row, builtIn: null });

  async function list(): Promise<Preset[]> {
    return [...BUILT_IN_PRESETS, ...(await store.presets.list(undefined)).map(ofUser)];
  }

  async function get(id: string): Promise<Preset> {
    return BUILT_IN_PRESETS.find((preset) => preset.id === id) ?? ofUser(await store.presets.get({ id }));
  }

  async function add(added: readonly (PresetValues & { name: string })[]): Promise<Preset[]> {
    const now = Date.now();
    const rows = added.map(({ name, systemPrompt, sampling, reasoning, modelId }) => ({
      id: randomUUID(),
      name,
      systemPrompt,
      sampling,
      reasoning,
      modelId,
      createdAt: now,
      updatedAt: now,
    }));
    await store.presets.add({ presets: rows });
    changed();
    return rows.map(ofUser);
  }

  async function addOne(preset: PresetValues & { name: string }): Promise<Preset> {
    const [made] = await add([preset]);
    if (!made) throw appError('internal');
    return made;
  }

  const refuseBuiltIn = (id: string) => {
    if (isBuiltIn(id)) throw appError('conflict', { reason: 'built_in' });
  };

  return {
    list,
    create: addOne,
    async update(id: string, patch: Partial<PresetValues & { name: string }>): Promise<void> {
      refuseBuiltIn(id);
      await store.presets.update({ id, patch, at: Date.now() });
      changed();
    },
    duplicate: async (id: string, name: string) => addOne({ ...(await get(id)), name }),
    async remove(id: string): Promise<void> {
      refuseBuiltIn(id);
      await store.presets.remove({ id, at: Date.now() });
      changed();
    },
    async restore(id: string): Promise<void> {
      await store.presets.restore({ id });
      changed();
    },
    async apply(conversationId: string, presetId: string): Promise<void> {
      const preset = await get(presetId);
      const { sampling, reasoning, modelId } = preset;
      const isThere = modelId !== null && (await models.list()).some((model) => model.id === modelId);
      await store.conversations.updateSettings({
        id: conversationId,
        settings: {
          presetId,
          sampling,
          reasoning,
          ...promptOf(preset),
          ...(isThere ? { modelId } : {}),
        },
      });
      bus.emit({ type: 'conversation.changed', conversationId });
    },
    async exportFile(ids: readonly string[]): Promise<{ fileName: string; text: string }> {
      const [all, library] = await Promise.all([list(), models.list()]);
      const chosen = all.filter((preset) => ids.includes(preset.id));
      if (chosen.length === 0) throw appError('not_found');
      const file = {
        format: PRESET_FORMAT,
        version: PRESET_FORMAT_VERSION,
        presets: chosen.map(({ name, systemPrompt, sampling, reasoning, modelId }): PresetInFile => {
          const model = library.find((candidate) => candidate.id === modelId);
          const named = model ? { name: model.name, fileName: model.fileName } : null;
          return { name, systemPrompt, sampling, reasoning, model: named };
        }),
      };
      return { fileName: 'leeward-presets.json', text: `${JSON.stringify(file, null, 2)}\n` };
    },
    async importFile(text: string): Promise<PresetImport> {
      const [known, library] = await Promise.all([list(), models.list()]);
      const { report, presets } = readPresetFile(text, known, library);
      if (presets.length > 0) await add(presets);
      return report;
    },
  };
}

const Header = v.object({
  format: v.literal(PRESET_FORMAT),
  version: v.number(),
  presets: v.array(v.unknown()),
});

/** Reads a file of presets. Whatever is in it, the result is a report; what fits its schema is in `presets`. */
export function readPresetFile(
  text: string,
  known: readonly Preset[],
  library: readonly { id: string; name: string; fileName: string }[],
): { report: PresetImport; presets: (PresetValues & { name: string })[] } {
  const report: PresetImport = { problem: null, added: 0, known: 0, withoutModel: [], refused: [] };
  const presets: (PresetValues & { name: string })[] = [];
  const items = itemsOf(text);
  if (typeof items === 'string') return { report: { ...report, problem: items }, presets };
  const seen = new Set(known.map(keyOf));
  for (const [index, item] of items.entries()) {
    const result = v.safeParse(PresetInFile, item);
    if (!result.success) {
      const name = v.safeParse(v.object({ name: v.pipe(v.string(), v.maxLength(200)) }), item);
      const field = v.getDotPath(result.issues[0]);
      report.refused.push({ place: index + 1, name: name.success ? name.output.name : null, field });
      continue;
    }
    const { model, ...values } = result.output;
    const modelId = model === null ? null : modelIn(library, model);
    const preset = { ...values, modelId };
    if (seen.has(keyOf(preset))) {
      report.known += 1;
      continue;
    }
    seen.add(keyOf(preset));
    presets.push(preset);
    if (model !== null && modelId === null)
      report.withoutModel.push({ name: preset.name, model: model.name });
  }
  return { report: { ...report, added: presets.length }, presets };
}

function itemsOf(text: string): readonly unknown[] | NonNullable<PresetImport['problem']> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text.replace(/^\uFEFF/u, ''));
  } catch {
    return 'not_json';
  }
  const header = v.safeParse(Header, parsed);
  if (!header.success) return 'other_format';
  const { version, presets } = header.output;
  if (version > PRESET_FORMAT_VERSION) return 'newer_version';
  return presets.length > MAX_PRESETS_IN_FILE ? 'too_many' : presets;
}

function modelIn(
  library: readonly { id: string; name: string; fileName: string }[],
  wanted: { name: string; fileName: string },
): string | null {
  const byFile = library.find((model) => model.fileName === wanted.fileName);
  return (byFile ?? library.find((model) => model.name === wanted.name))?.id ?? null;
}

function keyOf({
  name,
  systemPrompt,
  sampling,
  reasoning,
  modelId,
}: PresetValues & { name: string }): string {
  return JSON.stringify([name, systemPrompt, sampling && Object.values(sampling), reasoning, modelId]);
}
