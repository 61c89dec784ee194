import * as v from 'valibot';
import { base } from './base.ts';
import { Bytes, Count, FirstTokenKind, ReasoningSettings, Sampling, StopReason, TimeMs } from './entities.ts';

const Ms = v.pipe(v.number(), v.minValue(0));
/** Tokens a second. */
const Speed = v.pipe(v.number(), v.minValue(0));

/** A name of the IANA time zone database, which this computer knows. */
const TimeZone = v.pipe(
  v.string(),
  v.maxLength(100),
  v.check((name) => {
    try {
      return new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== '';
    } catch {
      return false;
    }
  }, 'time zone'),
);

/** What an answer was made with and on: many answers share one. */
export const SampleSetup = v.object({
  /** The same for the same file with the same adapters, whatever it is called. */
  modelKey: v.string(),
  /** As it was called then, with the names of its adapters. */
  modelName: v.string(),
  quant: v.nullable(v.string()),
  /** Of its only or first file; null where it is not known. */
  sha256: v.nullable(v.string()),
  sizeBytes: Bytes,
  adapters: v.array(v.object({ name: v.string(), scale: v.number() })),
  /** `cpu`, `cuda`, `vulkan` or `metal`. */
  backend: v.string(),
  /** Graphics cards; empty on the processor. */
  devices: v.array(v.string()),
  contextSize: Count,
  gpuLayers: v.nullable(Count),
  /** Those that computed; null where the engine did not say. */
  threads: v.nullable(Count),
  flashAttention: v.picklist(['auto', 'off']),
  /** As keys and values were kept: `f16`, `q8_0`; null where the engine did not say. */
  cacheType: v.nullable(v.string()),
  sampling: v.nullable(v.omit(Sampling, ['seed'])),
  reasoning: v.nullable(ReasoningSettings),
  engineVersion: v.string(),
  appVersion: v.string(),
});
export type SampleSetup = v.InferOutput<typeof SampleSetup>;

/** Why something was generated. Figures on the screen are those of answers. */
export const SamplePurpose = v.picklist(['answer', 'title']);
export type SamplePurpose = v.InferOutput<typeof SamplePurpose>;

/** The figures of one generation. */
export const SampleFigures = v.object({
  /** Its end. */
  at: TimeMs,
  purpose: SamplePurpose,
  /** null when no token came. */
  kind: v.nullable(FirstTokenKind),
  promptTokens: Count,
  reusedTokens: Count,
  /** Where the reused tokens were: in the memory of the engine, or saved on the disk. null: none were. */
  reusedFrom: v.nullable(v.picklist(['live', 'disk'])),
  /** Reading saved state from the disk. */
  restoreMs: Ms,
  readTokens: Count,
  /** Of those: read before, and again because a sliding window had moved on. */
  rereadTokens: Count,
  generatedTokens: Count,
  /** Guessed ahead, and how many of them were right. */
  guessedTokens: Count,
  guessedRight: Count,
  /** Of those: guessed by a draft model. */
  draftedTokens: Count,
  draftedRight: Count,
  /** Model load before it; 0 when it was in memory. */
  loadMs: Ms,
  /** From the start in the engine, the load left out, to the end of the prompt. */
  prefillMs: Ms,
  /** What a person waited for the first token, the load included; null when none came. */
  firstTokenMs: v.nullable(Ms),
  decodeMs: Ms,
  tokensPerSecond: v.nullable(Speed),
  stopReason: StopReason,
  contextTokens: Count,
  /** Highest reading of the engine's process while it ran, every five seconds; null when there was none. */
  memoryBytes: v.nullable(Bytes),
  /** The same of the graphics memory in use, other programs included. */
  vramBytes: v.nullable(Bytes),
});
export type SampleFigures = v.InferOutput<typeof SampleFigures>;

/** One generation as it is kept: figures without text, and nothing that leads to its chat. */
export const GenerationSample = v.object({ id: Count, ...SampleFigures.entries, ...SampleSetup.entries });
export type GenerationSample = v.InferOutput<typeof GenerationSample>;

/** Which samples; what is not named is not asked about. */
export const MetricsFilter = v.object({
  /** From here on; null: all. */
  from: v.nullable(TimeMs),
  modelKey: v.optional(v.string()),
  quant: v.optional(v.nullable(v.string())),
  backend: v.optional(v.string()),
  threads: v.optional(v.nullable(Count)),
  contextSize: v.optional(Count),
});
export type MetricsFilter = v.InferOutput<typeof MetricsFilter>;

/** Median with the 10th and 90th percentile, each interpolated between the two nearest values. */
export const Spread = v.object({ count: Count, median: v.number(), p10: v.number(), p90: v.number() });
export type Spread = v.InferOutput<typeof Spread>;

/**
 * How samples differ from those before. `noise`: no more than samples of the same thing differ by chance.
 * `too_few`: nothing can be said.
 */
export const Comparison = v.object({
  verdict: v.picklist(['better', 'worse', 'noise', 'too_few']),
  /** Median against the median before, minus 1: -0.06 is 6 % less; null with too few. */
  change: v.nullable(v.number()),
});
export type Comparison = v.InferOutput<typeof Comparison>;

const ModelMetrics = v.object({
  modelKey: v.string(),
  name: v.string(),
  quant: v.nullable(v.string()),
  answers: Count,
  /** Of answers long enough to be timed; null without one. */
  decode: v.nullable(Spread),
  /** Of prompts long enough to be timed; null without one. */
  prefill: v.nullable(Spread),
  /** Decode against the same span of time before. */
  change: Comparison,
  generatedTokens: Count,
  reusedTokens: Count,
  /** What reading the reused tokens would have taken; null where the model's prefill was never timed. */
  savedMs: v.nullable(v.number()),
});
export type ModelMetrics = v.InferOutput<typeof ModelMetrics>;

const DayMetrics = v.object({
  /** `2026-11-23`, in the time zone that was asked for. */
  day: v.string(),
  answers: Count,
  generatedTokens: Count,
  readTokens: Count,
  reusedTokens: Count,
  savedMs: v.number(),
  models: v.array(v.object({ modelKey: v.string(), decode: Spread })),
});
export type DayMetrics = v.InferOutput<typeof DayMetrics>;

const FirstTokenMetrics = v.object({
  kind: FirstTokenKind,
  waits: v.nullable(Spread),
  /** Only those that hold something, shortest first; twenty to a factor of ten. */
  bins: v.array(v.object({ fromMs: v.number(), toMs: v.number(), count: Count })),
});
export type FirstTokenMetrics = v.InferOutput<typeof FirstTokenMetrics>;

/** What changed under the answers. */
export const EnvironmentChange = v.picklist(['engine', 'device', 'app']);
export type EnvironmentChange = v.InferOutput<typeof EnvironmentChange>;

/** A change after which a model answers slower, beyond noise and beyond what a person would notice. */
export const Slowdown = v.object({
  modelKey: v.string(),
  name: v.string(),
  since: EnvironmentChange,
  /** The version or device since then. */
  value: v.string(),
  at: TimeMs,
  /** As in {@link Comparison}; below 0. */
  change: v.number(),
});
export type Slowdown = v.InferOutput<typeof Slowdown>;

export const MetricsSummary = v.object({
  /** There is an answer at some time, whatever was asked. */
  hasAny: v.boolean(),
  /** When the first and the last of them ended; null without any. */
  from: v.nullable(TimeMs),
  to: v.nullable(TimeMs),
  answers: Count,
  promptTokens: Count,
  reusedTokens: Count,
  readTokens: Count,
  generatedTokens: Count,
  savedMs: v.nullable(v.number()),
  /** Follow-up, warm, cold. */
  firstTokens: v.array(FirstTokenMetrics),
  /** Most answers first. */
  models: v.array(ModelMetrics),
  /** Those with answers, oldest first. */
  days: v.array(DayMetrics),
  changes: v.array(v.object({ at: TimeMs, day: v.string(), kind: EnvironmentChange, value: v.string() })),
  /** Of the last 90 days, whatever the filter says. */
  slowdowns: v.array(Slowdown),
  /** What can be asked for, in the time that was asked for. */
  options: v.object({
    models: v.array(v.object({ modelKey: v.string(), name: v.string(), quant: v.nullable(v.string()) })),
    quants: v.array(v.nullable(v.string())),
    backends: v.array(v.string()),
    threads: v.array(v.nullable(Count)),
    contextSizes: v.array(Count),
  }),
});
export type MetricsSummary = v.InferOutput<typeof MetricsSummary>;

/** Most samples of one answer of `samples`: a few MB. */
export const MAX_SAMPLES_PAGE = 5_000;

const MemoryParts = v.object({
  /** Calculated from the model's header, as are the next two. */
  weightsBytes: Bytes,
  kvCacheBytes: Bytes,
  buffersBytes: Bytes,
  /** Measured: the app's processes, without the parts above. */
  appBytes: Bytes,
  otherBytes: Bytes,
});
export type MemoryParts = v.InferOutput<typeof MemoryParts>;

/** What memory is used for at one moment. */
export const MemoryReading = v.object({
  at: TimeMs,
  modelName: v.nullable(v.string()),
  ram: MemoryParts,
  /** null without a graphics card. */
  vram: v.nullable(MemoryParts),
});
export type MemoryReading = v.InferOutput<typeof MemoryReading>;

/** Figures of what was generated, kept without text. */
export const metrics = {
  summary: base.input(v.object({ filter: MetricsFilter, timeZone: TimeZone })).output(MetricsSummary),
  /** The raw records of answers and titles, oldest first. `afterId` is the last one of the page before. */
  samples: base
    .input(
      v.object({
        filter: MetricsFilter,
        afterId: v.optional(Count, 0),
        limit: v.optional(
          v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_SAMPLES_PAGE)),
          MAX_SAMPLES_PAGE,
        ),
      }),
    )
    .output(v.array(GenerationSample)),
  /** Memory now, and as far back as it is kept: 30 minutes. */
  memory: base.output(
    v.object({
      ramTotalBytes: Bytes,
      vramTotalBytes: v.nullable(Bytes),
      /** Oldest first; the last one is of now. */
      readings: v.array(MemoryReading),
    }),
  ),
  /** Forgets every figure that is kept. */
  forget: base.output(v.void()),
};
