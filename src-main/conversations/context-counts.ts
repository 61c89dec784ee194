import type { ReasoningSettings } from '../contract/index.ts';
import type { ChatTurn, Engine } from '../engine/api.ts';

/** The engine's own counts of a prompt, part by part. */
export interface PartCounts {
  readonly system: number;
  /** One for each turn, in order. */
  readonly turns: readonly number[];
  /** The template's marks around them. */
  readonly template: number;
}

export interface Prompt {
  readonly reasoning: ReasoningSettings;
  readonly systemPrompt: string;
  readonly turns: readonly ChatTurn[];
  readonly date?: string;
}

/** Counts a prompt; null when no model is loaded or the text is far too long to be counted. */
export type CountParts = (prompt: Prompt) => Promise<PartCounts | null>;

/** All of it. */
export function totalOf({ system, turns, template }: PartCounts): number {
  return turns.reduce((sum, tokens) => sum + tokens, system + template);
}

/** Longest share of a template for one part: its marks, a role and line breaks. */
const TEMPLATE_TOKENS_PER_PART = 32;
const encoder = new TextEncoder();

/**
 * A bound that needs no counting: a token stands for at least one byte.
 * @param knownTokens tokens of the context after the newest answer that was counted; the texts are what came since
 */
export function tokensAtMost(knownTokens: number, texts: readonly string[]): number {
  return texts.reduce(
    (sum, text) => sum + encoder.encode(text).length + TEMPLATE_TOKENS_PER_PART,
    knownTokens + TEMPLATE_TOKENS_PER_PART,
  );
}

/**
 * Counts through the engine.
 * @param conversationId whose prompts they are: what the engine holds of that chat is looked at first
 */
export function partCounter(
  engine: Pick<Engine, 'countParts'>,
  conversationId: string | null = null,
): CountParts {
  const chat = conversationId === null ? {} : { conversationId };
  return ({ turns, ...prompt }) => engine.countParts({ ...prompt, ...chat, turns: [...turns] });
}
