import * as v from 'valibot';
import { Bytes, Count, ErrorCodeSchema, Id, TimeMs } from './entities.ts';

/** `owner/name` of a model on the hub; neither part can be read as a step upwards. */
export const HubRepo = v.pipe(v.string(), v.maxLength(200), v.regex(/^\w[\w.-]*\/\w[\w.-]*$/u));
/** Commit of a repository: what a figure, a hash or a download belongs to. */
export const HubRevision = v.pipe(v.string(), v.regex(/^[0-9a-f]{40}$/u));
/** Path of a file inside its repository, with `/`; never absolute, never upwards, no unreadable characters. */
export const HubPath = v.pipe(
  v.string(),
  v.maxLength(500),
  v.regex(/^[^\p{C}\\]+$/u),
  v.check((path) => path.split('/').every((step) => step !== '' && step !== '.' && step !== '..'), 'path'),
);
export const Sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/u));

export const HubSort = v.picklist(['downloads', 'likes', 'recent']);
export type HubSort = v.InferOutput<typeof HubSort>;

/** One model repository as a search lists it. Everything here is the hub's word, cleaned for showing. */
export const HubModelSummary = v.object({
  repo: HubRepo,
  author: v.string(),
  name: v.string(),
  downloads: Count,
  likes: Count,
  updatedAt: v.nullable(TimeMs),
  /** The hub's identifier (`apache-2.0`, `llama3.2`); null when it states none. */
  licence: v.nullable(v.string()),
  /** `auto`: accept the terms on its page; `manual`: its owner decides. Both need a token. */
  gated: v.picklist(['no', 'auto', 'manual']),
  parameterCount: v.nullable(Count),
  architecture: v.nullable(v.string()),
  trainedContextSize: v.nullable(Count),
});
export type HubModelSummary = v.InferOutput<typeof HubModelSummary>;

/** One model file of a repository, all parts of a split one together. */
export const HubFile = v.object({
  /** Of the only or the first part: its name in every call. */
  path: HubPath,
  fileName: v.string(),
  kind: v.picklist(['model', 'adapter', 'projector']),
  /** `Q4_K_M` and the like, from the name; null when it says none. */
  quant: v.nullable(v.string()),
  /** All parts. */
  sizeBytes: Bytes,
  parts: v.array(v.object({ path: HubPath, sizeBytes: Bytes, sha256: v.nullable(Sha256) })),
  /** Set when this very content is in the library. */
  modelId: v.nullable(Id),
});
export type HubFile = v.InferOutput<typeof HubFile>;

export const HubBaseModel = v.object({
  repo: v.string(),
  relation: v.nullable(v.picklist(['quantized', 'finetune', 'adapter', 'merge'])),
});
export type HubBaseModel = v.InferOutput<typeof HubBaseModel>;

/** A model's page. */
export const HubModel = v.object({
  ...HubModelSummary.entries,
  revision: HubRevision,
  /** Markdown of the model card without its front matter, shortened; hostile text like any other. */
  description: v.string(),
  /** Nearest first. */
  baseModels: v.array(HubBaseModel),
  /** Largest quant first; other kinds at the end. */
  files: v.array(HubFile),
  /** The one file to take on this computer, and why; null when no file suits. */
  recommended: v.nullable(
    v.object({
      path: HubPath,
      reason: v.picklist(['best_that_fits', 'smallest', 'usual_choice']),
    }),
  ),
  /** The file that the address asked for (`hf:owner/name:Q4_K_M`, a file's page); null for none. */
  wantedPath: v.nullable(HubPath),
});
export type HubModel = v.InferOutput<typeof HubModel>;

/** A bundled suggestion, known without any request. Sizes and hashes come from the hub, never from here. */
export const CatalogueEntry = v.object({
  repo: HubRepo,
  /** Quant that is taken when nothing is known of this computer. */
  quant: v.string(),
  name: v.string(),
  author: v.string(),
  licence: v.string(),
  parameterCount: Count,
  trainedContextSize: Count,
  /** What it is good for: a key of the interface's texts. */
  purpose: v.picklist(['general', 'small', 'tiny', 'code', 'reasoning', 'large', 'multilingual']),
  /** Predicted from the parameter count before any header was read. */
  roughSizeBytes: Bytes,
});
export type CatalogueEntry = v.InferOutput<typeof CatalogueEntry>;

/** A range, or one figure when low equals high. Tokens per second. */
const SpeedRange = v.object({ low: v.number(), high: v.number() });

/** How a model would sit in this computer's memory at one context size, and how fast it would be. */
export const Fit = v.object({
  contextSize: Count,
  /** The longest context that was trained; null when the header does not say. */
  trainedContextSize: v.nullable(Count),
  layerCount: Count,
  /** Layers on the graphics card; 0 without one. */
  gpuLayers: Count,
  weightsBytes: Bytes,
  /** Chats that stay in memory, each with a cache of its own. */
  liveChats: Count,
  /** Of all of them. */
  kvCacheBytes: Bytes,
  buffersBytes: Bytes,
  /** Each total counts what would be free after unloading what is loaded. Null without a graphics card. */
  vram: v.nullable(v.object({ neededBytes: Bytes, freeBytes: Bytes })),
  ram: v.object({
    /** Cannot be given back while the model is loaded. */
    neededBytes: Bytes,
    /** Pages of the file: cached, given back when others need them. */
    mappedBytes: Bytes,
    freeBytes: Bytes,
  }),
  /** `fits`: all on the graphics card, or in memory without one. `partly`: layers are split. */
  verdict: v.picklist(['fits', 'tight', 'partly', 'does_not_fit']),
  /** Decode; null until this computer's speed was measured, or where the shape is unknown. */
  decode: v.nullable(SpeedRange),
  prefill: v.nullable(SpeedRange),
  /** The speeds are medians of real answers of this file here. */
  isMeasured: v.boolean(),
});
export type Fit = v.InferOutput<typeof Fit>;

export const DownloadState = v.picklist([
  'waiting',
  'running',
  'paused',
  /** Its bytes are all here; the whole is hashed. */
  'checking',
  /** Pieces that do not match are fetched again. */
  'repairing',
  'done',
  'failed',
]);
export type DownloadState = v.InferOutput<typeof DownloadState>;

/** One model on its way, or being checked again. */
export const Download = v.object({
  id: Id,
  /** `verify`: the file is in the library and is hashed again. */
  kind: v.picklist(['download', 'verify']),
  repo: HubRepo,
  revision: HubRevision,
  path: HubPath,
  fileName: v.string(),
  quant: v.nullable(v.string()),
  licence: v.nullable(v.string()),
  state: DownloadState,
  /** Why it is paused. */
  pauseReason: v.nullable(v.picklist(['user', 'disk_full', 'offline', 'network', 'restart'])),
  sizeBytes: Bytes,
  /** Of the file, on this disk. */
  receivedBytes: Bytes,
  /** Over the network, repairs and repeats counted. */
  fetchedBytes: Bytes,
  bytesPerSecond: v.nullable(v.number()),
  etaMs: v.nullable(v.number()),
  pieces: Count,
  checkedPieces: Count,
  /** Found damaged and to be fetched again; 0 when none. */
  damagedPieces: Count,
  /**
   * Set when failed. `checksum_mismatch` has `expected` and `actual`; with `canSearch` the wrong part can be
   * looked for, which may fetch up to `searchBytes`.
   */
  error: v.nullable(
    v.object({
      code: ErrorCodeSchema,
      data: v.record(v.string(), v.union([v.string(), v.number(), v.boolean(), v.null()])),
    }),
  ),
  /** In the library, once done. */
  modelId: v.nullable(Id),
  startedAt: TimeMs,
});
export type Download = v.InferOutput<typeof Download>;

/** Where a model came from, and what proves it. */
export const Provenance = v.object({
  repo: HubRepo,
  revision: HubRevision,
  files: v.array(v.object({ path: HubPath, sizeBytes: Bytes, sha256: Sha256 })),
  licence: v.nullable(v.string()),
  baseModels: v.array(HubBaseModel),
  downloadedAt: TimeMs,
  /** The last time that the whole was hashed and matched. */
  verifiedAt: v.nullable(TimeMs),
  verifyMs: v.nullable(v.number()),
});
export type Provenance = v.InferOutput<typeof Provenance>;
