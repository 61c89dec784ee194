import * as v from 'valibot';

/** How fast one place (processor or graphics card) works through weights of one type. */
export const TypeRate = v.object({
  /** Bytes of weights that one token is computed from, a second. */
  decodeBytesPerSecond: v.pipe(v.number(), v.gtValue(0)),
  /** Weights times tokens a second while text is read; null where it was too quick to time. */
  readWeightsPerSecond: v.nullable(v.pipe(v.number(), v.gtValue(0))),
});
export type TypeRate = v.InferOutput<typeof TypeRate>;

const Place = v.object({
  /** By tensor type, `Q4_K` and the like. */
  rates: v.record(v.string(), TypeRate),
  /** Milliseconds a token costs without any weights: sampling and handing over. */
  tokenMs: v.pipe(v.number(), v.minValue(0)),
  /** Milliseconds that each layer adds to that. */
  layerMs: v.pipe(v.number(), v.minValue(0)),
  /** Numbers of keys and values that a token is compared with, a second; null where reading was too quick to time. */
  attendedPerSecond: v.nullable(v.pipe(v.number(), v.gtValue(0))),
});
export type PlaceSpeed = v.InferOutput<typeof Place>;

/** What was measured of this computer, as it is stored. */
export const MachineSpeed = v.object({
  version: v.literal(2),
  /** What the figures belong to: others are measured again. */
  key: v.string(),
  measuredAt: v.pipe(v.number(), v.integer(), v.minValue(0)),
  cpu: Place,
  /** null without a graphics card that the engine uses. */
  card: v.nullable(Place),
});
export type MachineSpeed = v.InferOutput<typeof MachineSpeed>;
