import * as v from 'valibot';
import { base, nothing } from './base.ts';
import { Bytes, Count, ErrorCodeSchema, Id, TimeMs } from './entities.ts';
import { Comparison, Slowdown } from './metrics.ts';

const MAX_NAME_LENGTH = 100;
/** More would run for hours, and hide which of them mattered. */
export const MAX_BENCH_MODELS = 8;
export const MAX_BENCH_REPEATS = 20;
/** As many as stand side by side on a screen. */
export const MAX_COMPARED_RUNS = 4;
const MAX_DEPTHS = 6;
/** Shorter prompts and answers are timed too coarsely. */
const LEAST_DEPTH = 64;
export const LEAST_BENCH_ANSWER = 16;
const MAX_CONTEXT = 2 ** 20;
/** Fewer are slow everywhere; more win nothing and cost memory. */
const LEAST_BATCH = 16;
const MAX_BATCH = 4096;
/** A follow-up is a short question: it, the template and two answers must fit behind a prompt. */
const FOLLOW_UP_ROOM = 128;

const Ms = v.pipe(v.number(), v.finite(), v.minValue(0));
/** Tokens a second. */
const Speed = v.pipe(v.number(), v.finite(), v.minValue(0));
const shortText = v.pipe(v.string(), v.maxLength(300));
const whole = (least: number, most: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
const Name = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(MAX_NAME_LENGTH));
const Depth = whole(LEAST_DEPTH, MAX_CONTEXT);
const Depths = v.pipe(
  v.array(Depth),
  v.minLength(1),
  v.maxLength(MAX_DEPTHS),
  v.check((depths) => depths.every((depth, index) => depth > (depths[index - 1] ?? 0)), 'ascending'),
);
/** One for each repeat in which it was measured, in order. */
const Times = v.pipe(v.array(Ms), v.maxLength(MAX_BENCH_REPEATS));
const Speeds = v.pipe(v.array(Speed), v.maxLength(MAX_BENCH_REPEATS));

/** Context that a prompt of this depth needs: it, its answer, a follow-up and the answer to that. */
export function benchContext(depth: number, decodeTokens: number): number {
  return depth + 2 * decodeTokens + FOLLOW_UP_ROOM;
}

/** How the models are loaded; null: automatic. */
export const BenchSettings = v.object({
  contextSize: whole(256, MAX_CONTEXT),
  gpuLayers: v.nullable(Count),
  threads: v.nullable(whole(1, 1024)),
  flashAttention: v.picklist(['auto', 'off']),
  cacheType: v.picklist(['f16', 'q8_0']),
  /** Tokens that are computed at a time, at most. */
  batchTokens: v.optional(v.nullable(whole(LEAST_BATCH, MAX_BATCH)), null),
});
export type BenchSettings = v.InferOutput<typeof BenchSettings>;

/** What is measured of each model. */
const Protocol = v.object({
  /** Tokens of the prompts, ascending. */
  depths: Depths,
  /** Longest answer. */
  decodeTokens: whole(LEAST_BENCH_ANSWER, 1024),
  repeats: whole(1, MAX_BENCH_REPEATS),
});

export const BenchPlan = v.pipe(
  v.object({
    name: Name,
    modelIds: v.pipe(v.array(Id), v.minLength(1), v.maxLength(MAX_BENCH_MODELS)),
    settings: BenchSettings,
    ...Protocol.entries,
  }),
  v.check(
    ({ settings, depths, decodeTokens }) =>
      benchContext(depths.at(-1) ?? 0, decodeTokens) <= settings.contextSize,
    'depth',
  ),
);
export type BenchPlan = v.InferOutput<typeof BenchPlan>;

/** Figures at one depth. A repeat whose answer was too short to be timed leaves none. */
const DepthFigures = v.object({
  depth: Depth,
  /** Of the shortest and the longest prompt. */
  promptTokens: v.nullable(v.tuple([Count, Count])),
  prefill: Speeds,
  decode: Speeds,
  /** First token with the model in memory and nothing of the prompt reused. */
  warmMs: Times,
  /** First token of a short question behind it, with the prompt reused. */
  followUpMs: Times,
});

/** What a run says of one model: figures without text. Nothing in it leads to a file or a name of the computer. */
export const BenchFacts = v.object({
  name: Name,
  /** Its begin. */
  at: TimeMs,
  elapsedMs: Ms,
  /** It was stopped before its last repeat. */
  isPartial: v.boolean(),
  model: v.object({
    /** The same for the same file with the same adapters, whatever it is called. */
    key: shortText,
    name: shortText,
    quant: v.nullable(shortText),
    /** Of its only or first file; null where it is not known. */
    sha256: v.nullable(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/u))),
    sizeBytes: Bytes,
  }),
  /** As the engine told them after the load. */
  settings: v.object({
    contextSize: Count,
    gpuLayers: v.nullable(Count),
    threads: v.nullable(Count),
    flashAttention: BenchSettings.entries.flashAttention,
    cacheType: v.nullable(BenchSettings.entries.cacheType),
    /** null: of a time when the engine did not tell it. */
    batchTokens: v.optional(v.nullable(Count), null),
  }),
  protocol: Protocol,
  environment: v.object({
    engineVersion: shortText,
    appVersion: shortText,
    backend: shortText,
    /** Graphics cards; empty on the processor. */
    devices: v.pipe(v.array(shortText), v.maxLength(16)),
    /** Of the graphics card, where the system tells it. */
    driver: v.nullable(shortText),
    os: shortText,
    arch: shortText,
    processor: shortText,
    cores: Count,
    memoryTotalBytes: Bytes,
    /** null where the host cannot tell. */
    onBattery: v.nullable(v.boolean()),
  }),
  figures: v.object({
    /** The file was read before: the system may have had it in its memory. */
    loadMs: Times,
    /** First token right after a load, the load included, at the first depth. */
    coldMs: Times,
    depths: v.pipe(v.array(DepthFigures), v.maxLength(MAX_DEPTHS)),
  }),
  /** Highest reading of the engine's process; null when there was none. */
  peakMemoryBytes: v.nullable(Bytes),
  /** The same of the graphics memory in use, other programs included. */
  peakVramBytes: v.nullable(Bytes),
  /** Measurements that were done again, because something else was asked of the engine meanwhile. */
  disturbed: Count,
});
export type BenchFacts = v.InferOutput<typeof BenchFacts>;

export const BenchRun = v.object({ id: Id, imported: v.boolean(), ...BenchFacts.entries });
export type BenchRun = v.InferOutput<typeof BenchRun>;

/** `load` and `cold` have no depth. */
export const BenchQuantity = v.picklist(['load', 'cold', 'prefill', 'decode', 'warm', 'follow_up']);
export type BenchQuantity = v.InferOutput<typeof BenchQuantity>;

/** Median, and half of the span in which the middle half of the values lies; null with fewer than two. */
export const BenchFigure = v.object({
  count: Count,
  median: v.number(),
  plusMinus: v.nullable(v.number()),
});
export type BenchFigure = v.InferOutput<typeof BenchFigure>;

const Cell = v.object({
  /** null: not measured. */
  figure: v.nullable(BenchFigure),
  /** Against the run that it is compared with; null: there is none, or one of the two was not measured. */
  change: v.nullable(Comparison),
});
export type BenchCell = v.InferOutput<typeof Cell>;

/** A line of figures of one quantity, with one cell for each run. */
export const BenchLine = v.object({
  quantity: BenchQuantity,
  depth: v.nullable(Count),
  cells: v.array(Cell),
});
export type BenchLine = v.InferOutput<typeof BenchLine>;

/** A run in the list. */
export const BenchRow = v.object({
  run: BenchRun,
  /** One cell each, against the previous run of the same file, settings and protocol on this computer. */
  lines: v.array(BenchLine),
  previousId: v.nullable(Id),
});
export type BenchRow = v.InferOutput<typeof BenchRow>;

/** A benchmark under way. */
export const BenchProgress = v.object({
  name: v.string(),
  modelName: v.string(),
  /** From 1. */
  model: Count,
  models: Count,
  step: v.picklist(['preparing', 'waiting', 'loading', 'cold', 'warm', 'follow_up', 'ending']),
  depth: v.nullable(Count),
  /** From 1; 0 while the model is made ready. */
  repeat: Count,
  repeats: Count,
  /** 0 to 1. */
  done: v.number(),
  /** From the repeats until now; null before the first has ended. */
  etaMs: v.nullable(v.number()),
  disturbed: Count,
});
export type BenchProgress = v.InferOutput<typeof BenchProgress>;

/** A model that could not be measured. */
export const BenchFailure = v.object({ modelName: v.string(), code: ErrorCodeSchema });
export type BenchFailure = v.InferOutput<typeof BenchFailure>;

export const LabState = v.object({
  /** null: none runs. */
  progress: v.nullable(BenchProgress),
  /** Of the benchmark that runs, or ran last. */
  failures: v.array(BenchFailure),
});
export type LabState = v.InferOutput<typeof LabState>;

export const BENCH_FORMAT = 'leeward-benchmark';
/** Raised when a file can no longer be read by an app of before. */
export const BENCH_FORMAT_VERSION = 1;
/** A run takes some kB: some hundreds of runs. */
export const MAX_BENCH_FILE_LENGTH = 4_000_000;

/** What happened to the runs of an imported file. */
export const BenchImport = v.object({
  /** The file as a whole could not be used. */
  problem: v.nullable(v.picklist(['not_json', 'other_format', 'newer_version', 'too_many'])),
  added: Count,
  /** In the list already. */
  known: Count,
  /** Those that are no runs: place in the file from 1, and the field. */
  refused: v.array(v.object({ place: Count, field: v.nullable(v.string()) })),
});
export type BenchImport = v.InferOutput<typeof BenchImport>;

const ids = (most: number) => v.object({ ids: v.pipe(v.array(Id), v.minLength(1), v.maxLength(most)) });

/** Benchmarks: `lab.changed` tells how one goes on, and that the list of runs changed. */
export const lab = {
  state: base.output(LabState),
  /** Newest first. `slowdowns`: models that a run found slower since something changed. */
  list: base.output(v.object({ rows: v.array(BenchRow), slowdowns: v.array(Slowdown) })),
  /** Each run against the first that is named. @throws not_found */
  compare: base
    .input(ids(MAX_COMPARED_RUNS))
    .output(v.object({ runs: v.array(BenchRun), lines: v.array(BenchLine) })),
  /** Predicted from the speed of each model here, loading left out; null where one is not known. */
  estimate: base
    .input(BenchPlan)
    .output(v.object({ measuring: v.nullable(v.object({ lowMs: Ms, highMs: Ms })), loads: Count })),
  /** Begins one; it goes on by itself. @throws conflict while another runs, not_found */
  start: base.input(BenchPlan).output(nothing),
  /** Ends the benchmark that runs. `keep`: what was measured of the model is kept as a partial run. */
  cancel: base.input(v.object({ keep: v.boolean() })).output(nothing),
  rename: base.input(v.object({ id: Id, name: Name })).output(nothing),
  /** Undone by `restore`, until the app ends. @throws not_found */
  remove: base.input(v.object({ id: Id })).output(nothing),
  restore: base.input(v.object({ id: Id })).output(nothing),
  /** A JSON file of these runs. @throws not_found */
  exportFile: base.input(ids(1000)).output(v.object({ fileName: v.string(), text: v.string() })),
  /** Adds the runs of a file, marked as imported. A file that is wrong gives a report, not an error. */
  importFile: base
    .input(v.object({ text: v.pipe(v.string(), v.maxLength(MAX_BENCH_FILE_LENGTH)) }))
    .output(BenchImport),
};
