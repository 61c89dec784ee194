import * as v from 'valibot';
import { base, nothing } from './base.ts';
import { Bytes, Count, Id, TimeMs } from './entities.ts';
import { HubFile, HubPath, HubRepo, HubRevision } from './hub.ts';

/** 0 switches it off, 1 is as it was trained. More than twice as strong only breaks words. */
export const MAX_ADAPTER_SCALE = 2;
export const AdapterScale = v.pipe(v.number(), v.minValue(0), v.maxValue(MAX_ADAPTER_SCALE));

/** What an adapter says that it was made from. */
export const AdapterBase = v.object({
  name: v.nullable(v.string()),
  /** On the hub. */
  repo: v.nullable(HubRepo),
});
export type AdapterBase = v.InferOutput<typeof AdapterBase>;

/** A LoRA file of the library: it changes a model, and is none itself. */
export const Adapter = v.object({
  id: Id,
  name: v.string(),
  fileName: v.string(),
  location: v.string(),
  sizeBytes: Bytes,
  /** Of the models that it can be attached to. */
  architecture: v.string(),
  licence: v.nullable(v.string()),
  rank: Count,
  bases: v.array(AdapterBase),
  addedAt: TimeMs,
  available: v.boolean(),
  canDelete: v.boolean(),
  /** Models that it is attached to. */
  modelIds: v.array(Id),
});
export type Adapter = v.InferOutput<typeof Adapter>;

/**
 * `named`: it says that it was made from this model, and every tensor agrees. `fits`: every tensor agrees.
 * The others cannot be attached.
 */
export const AdapterMatch = v.picklist(['named', 'fits', 'other_architecture', 'other_tensors']);
export type AdapterMatch = v.InferOutput<typeof AdapterMatch>;

export const AdapterChoice = v.object({
  adapterId: Id,
  match: AdapterMatch,
  /** The first tensor that does not agree. */
  tensor: v.nullable(v.string()),
});
export type AdapterChoice = v.InferOutput<typeof AdapterChoice>;

/** What belongs to an adapter on the hub. */
export const AdapterRelated = v.object({
  bases: v.array(AdapterBase),
  /** Models of the library that it says it was made from. */
  modelIds: v.array(Id),
  /** A file that would be its base, found on the hub; null when there is none, or one is here. */
  file: v.nullable(v.object({ repo: HubRepo, revision: HubRevision, file: HubFile })),
});
export type AdapterRelated = v.InferOutput<typeof AdapterRelated>;

export const adapters = {
  list: base.output(v.array(Adapter)),
  /**
   * How every adapter of the library goes with a model, by its header: those that were made from it first.
   * @throws not_found, model_file_missing and the header's errors
   */
  forModel: base.input(v.object({ id: Id })).output(v.array(AdapterChoice)),
  /**
   * Attaches an adapter, or changes how strong it is; used from the next answer on.
   * @throws not_found, adapter_mismatch, model_file_missing
   */
  attach: base.input(v.object({ modelId: Id, adapterId: Id, scale: AdapterScale })).output(nothing),
  detach: base.input(v.object({ modelId: Id, adapterId: Id })).output(nothing),
  /**
   * The base of an adapter on the hub: reads its header, and looks for a quantised build of what it names.
   * @throws offline, not_found, network_failed, hub_gated, hub_rate_limited and the header's errors
   */
  related: base
    .input(v.object({ repo: HubRepo, revision: HubRevision, path: HubPath }))
    .output(AdapterRelated),
};
