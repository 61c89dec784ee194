import * as v from 'valibot';

/** Shares, 0 to 1; see the README beside the guide's training for how each is counted. */
export const Figures = v.object({
  rightTopic: v.number(),
  refused: v.number(),
  wordForWord: v.number(),
  wordForWordSampled: v.number(),
  factsOfTopic: v.number(),
  oddAnswered: v.number(),
});
export type Figures = v.InferOutput<typeof Figures>;

/** What a guide must reach to be shipped. */
export const TARGETS: Figures = {
  rightTopic: 0.9,
  refused: 0.95,
  wordForWord: 1,
  wordForWordSampled: 0.98,
  factsOfTopic: 1,
  oddAnswered: 1,
};

/** `resources/guide/evaluation.json`: which files were evaluated, and with what result. */
export const EvaluationRecord = v.object({
  guideSha256: v.string(),
  topicsSha256: v.string(),
  heldOutSha256: v.string(),
  prompts: v.number(),
  figures: Figures,
});
