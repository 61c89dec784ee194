import { readFileSync } from 'node:fs';
import * as v from 'valibot';

const Answered = v.object({ answer: v.string(), variants: v.optional(v.array(v.string()), []) });
const Topic = v.object({
  ...Answered.entries,
  id: v.string(),
  followUps: v.optional(v.array(Answered), []),
});
const Topics = v.object({
  topics: v.array(Topic),
  greetings: v.array(Topic),
  identity: v.array(Topic),
  refusals: v.object({ answers: v.array(v.string()) }),
});

/** What a prompt of the held-out file is about when the guide should say that it only knows Leeward. */
export const OFF_TOPIC = 'off-topic';

/** Prompts written apart from the training texts. */
export const HeldOut = v.array(
  v.object({
    prompt: v.string(),
    /** A topic's id, several where a phrasing fits several, or {@link OFF_TOPIC}. */
    topic: v.union([v.string(), v.array(v.string())]),
    /** `odd`: only the form of the answer is judged. */
    kind: v.string(),
    /** What was asked before, for a follow-up. */
    history: v.optional(v.array(v.object({ prompt: v.string() })), []),
  }),
);
export type HeldOutPrompt = v.InferOutput<typeof HeldOut>[number];

/** Spaces, quotes and capitals do not make an answer another one. */
export function normalised(text: string): string {
  return text
    .replaceAll(/[’‘]/gu, "'")
    .replaceAll(/[“”]/gu, '"')
    .replaceAll(/\s+/gu, ' ')
    .trim()
    .toLowerCase();
}

/** Every text that the guide may say, normalised, with the ids of the topics whose text it is. */
export function answersOf(file: string): Map<string, string[]> {
  const { topics, greetings, identity, refusals } = v.parse(Topics, JSON.parse(readFileSync(file, 'utf8')));
  const answers = new Map<string, string[]>();
  const add = (text: string, id: string) => {
    const key = normalised(text);
    answers.set(key, [...(answers.get(key) ?? []), id]);
  };
  for (const { id, followUps, ...own } of [...topics, ...greetings, ...identity])
    for (const { answer, variants } of [own, ...followUps])
      for (const text of [answer, ...variants]) add(text, id);
  for (const text of refusals.answers) add(text, OFF_TOPIC);
  return answers;
}

/** What is known of an answer. */
export interface Judged {
  /** The text is one of the topics', and the turn came to its end. */
  isKnown: boolean;
  /** Known, and of the right topic. */
  isRight: boolean;
}

/** @param isFinished the model ended its turn by itself */
export function judge(
  answers: ReadonlyMap<string, readonly string[]>,
  { topic }: Pick<HeldOutPrompt, 'topic'>,
  text: string,
  isFinished: boolean,
): Judged {
  const ids = answers.get(normalised(text)) ?? [];
  const wanted = typeof topic === 'string' ? [topic] : topic;
  const isKnown = isFinished && ids.length > 0;
  return { isKnown, isRight: isKnown && ids.some((id) => wanted.includes(id)) };
}

/** Numbers and shortcuts of a text. */
export function factsOf(text: string): string[] {
  return text.match(/\b(?:Ctrl|Cmd|Alt|Shift)\+\S*\w|\bF\d{1,2}\b|\d+(?:[.,]\d+)*/gu) ?? [];
}
