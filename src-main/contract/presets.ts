import * as v from 'valibot';
import { base, nothing, text } from './base.ts';
import { Count, Id, MAX_MESSAGE_LENGTH, ReasoningSettings, Sampling, TimeMs } from './entities.ts';

/** Longer names are texts. */
export const MAX_PRESET_NAME_LENGTH = 80;
/** A file with more is no library of a person. */
export const MAX_PRESETS_IN_FILE = 1_000;

export const PresetName = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(MAX_PRESET_NAME_LENGTH));

/** Those that come with the app. Their names are in the interface's texts. */
export const BuiltInPreset = v.picklist(['precise', 'balanced', 'creative']);
export type BuiltInPreset = v.InferOutput<typeof BuiltInPreset>;

const values = {
  systemPrompt: v.pipe(v.string(), v.maxLength(MAX_MESSAGE_LENGTH)),
  /** null: the model's. */
  sampling: v.nullable(Sampling),
  /** null: automatic. */
  reasoning: v.nullable(ReasoningSettings),
  /** null: the chat keeps its model. */
  modelId: v.nullable(Id),
};

/** What a preset sets in a chat. */
export const PresetValues = v.object(values);
export type PresetValues = v.InferOutput<typeof PresetValues>;

/** A named set of how a chat answers. */
export const Preset = v.object({
  id: Id,
  name: v.string(),
  ...values,
  /** Which one of the app's own it is, null for the user's. The app's cannot be changed, only copied. */
  builtIn: v.nullable(BuiltInPreset),
  createdAt: TimeMs,
  updatedAt: TimeMs,
});
export type Preset = v.InferOutput<typeof Preset>;

export const PRESET_FORMAT = 'leeward-presets';
/** Raised when a file can no longer be read by an app of before. */
export const PRESET_FORMAT_VERSION = 1;

/** One preset in a file. The model is told by its name: ids mean nothing on another computer. */
export const PresetInFile = v.object({
  name: PresetName,
  systemPrompt: values.systemPrompt,
  sampling: values.sampling,
  reasoning: values.reasoning,
  model: v.nullable(
    v.object({
      name: v.pipe(v.string(), v.maxLength(300)),
      fileName: v.pipe(v.string(), v.maxLength(300)),
    }),
  ),
});
export type PresetInFile = v.InferOutput<typeof PresetInFile>;

/** What happened to each preset of an imported file. */
export const PresetImport = v.object({
  /** The file as a whole could not be used: no JSON, not of this kind, of a newer app, or with too many. */
  problem: v.nullable(v.picklist(['not_json', 'other_format', 'newer_version', 'too_many'])),
  added: Count,
  /** In the library already, with the same name and values. */
  known: Count,
  /** Added without their model, which is not in the library. */
  withoutModel: v.array(v.object({ name: v.string(), model: v.string() })),
  /** Those that do not fit the schema: place in the file from 1, and the field. */
  refused: v.array(v.object({ place: Count, name: v.nullable(v.string()), field: v.nullable(v.string()) })),
});
export type PresetImport = v.InferOutput<typeof PresetImport>;

/** The library of presets. `presets.changed` tells of every change. */
export const presets = {
  /** The app's own first, then the user's by name. */
  list: base.output(v.array(Preset)),
  create: base.input(v.object({ name: PresetName, ...values })).output(Preset),
  /** @throws conflict for one of the app's own */
  update: base
    .input(v.object({ id: Id, patch: v.partial(v.object({ name: PresetName, ...values })) }))
    .output(nothing),
  /** A copy that can be changed. */
  duplicate: base.input(v.object({ id: Id, name: PresetName })).output(Preset),
  /** Undone by `restore`. @throws conflict for one of the app's own */
  remove: base.input(v.object({ id: Id })).output(nothing),
  restore: base.input(v.object({ id: Id })).output(nothing),
  /** Gives a chat the preset's values; its model too, where the preset names one that is there. */
  apply: base.input(v.object({ conversationId: Id, presetId: Id })).output(nothing),
  /** A JSON file of these presets; the app's own may be among them. */
  exportFile: base
    .input(v.object({ ids: v.array(Id) }))
    .output(v.object({ fileName: v.string(), text: v.string() })),
  /** Adds the presets of a file. A file that is wrong gives a report, not an error, and adds nothing. */
  importFile: base.input(v.object({ text })).output(PresetImport),
};
