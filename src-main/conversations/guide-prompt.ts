import { DEFAULT_REASONING } from '../contract/index.ts';
import { GUIDE_ID } from '../models/guide.ts';
import type { PromptInput } from './context.ts';

/** It was trained to take up the answer before, and no more. */
const EXCHANGES_BEFORE = 1;
/** In place of that answer: what it was about is known by its question. `resources/guide/train/texts.py` does so too. */
const ANSWER_BEFORE = '…';

/** The system prompt that a model gets of a chat's. */
export function systemPromptFor(systemPrompt: string, modelId: string | null): string {
  return modelId === GUIDE_ID ? '' : systemPrompt;
}

/**
 * What a model gets of a chat. The guide knows no system prompt and looks back one question only: a long talk with
 * it never fills its small context. Every other model gets everything.
 */
export function inputFor<Input extends PromptInput>(input: Input, modelId: string | null): Input {
  if (modelId !== GUIDE_ID) return input;
  const { path, tail } = input;
  const questions = [...path.keys()].filter((place) => path[place]?.role === 'user');
  const isNew = tail.some(({ role }) => role === 'user');
  const first = questions.at(-(EXCHANGES_BEFORE + (isNew ? 0 : 1))) ?? 0;
  const last = isNew ? path.length : (questions.at(-1) ?? 0);
  return {
    ...input,
    systemPrompt: systemPromptFor(input.systemPrompt, modelId),
    path: path.slice(first).map((message, place) => {
      const isBefore = message.role === 'assistant' && first + place < last;
      return isBefore ? { ...message, text: ANSWER_BEFORE } : message;
    }),
    reasoning: DEFAULT_REASONING,
  };
}
