import { DEFAULT_REASONING } from '../contract/index.ts';
import { GUIDE_ID } from '../models/guide.ts';
import type { PromptInput } from './context.ts';

/** It was trained to take up the answer before, and no more. */
const EXCHANGES_BEFORE = 1;

/** The system prompt that a model gets of a chat's. */
export function systemPromptFor(systemPrompt: string, modelId: string | null): string {
  return modelId === GUIDE_ID ? '' : systemPrompt;
}

/**
 * What a model gets of a chat. The guide knows no system prompt and looks back one exchange only: a long talk with
 * it never fills its small context. Every other model gets everything.
 */
export function inputFor<Input extends PromptInput>(input: Input, modelId: string | null): Input {
  if (modelId !== GUIDE_ID) return input;
  const { path, tail } = input;
  const questions = [...path.keys()].filter((place) => path[place]?.role === 'user');
  const isNew = tail.some(({ role }) => role === 'user');
  const first = questions.at(-(EXCHANGES_BEFORE + (isNew ? 0 : 1))) ?? 0;
  return {
    ...input,
    systemPrompt: systemPromptFor(input.systemPrompt, modelId),
    path: path.slice(first),
    reasoning: DEFAULT_REASONING,
  };
}
