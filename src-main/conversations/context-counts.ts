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
  readonly reasoning?: ReasoningSettings;
  readonly systemPrompt: string;
  readonly turns: readonly ChatTurn[];
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

/** What counts. */
export interface Counter extends Pick<Engine, 'countTokens'> {
  countParts?(prompt: Prompt): Promise<PartCounts | null>;
}

/** Counts through the engine; where it cannot tell the parts apart, by the differences of growing prompts. */
export function partCounter(engine: Counter): CountParts {
  return async (prompt) => {
    if (engine.countParts) return engine.countParts(prompt);
    const { systemPrompt, turns } = prompt;
    const count = (text: string, some: readonly ChatTurn[]) =>
      engine.countTokens({ systemPrompt: text, turns: [...some] });
    const totals: number[] = [];
    for (let length = 1; length <= turns.length; length++) {
      const total = await count('', turns.slice(0, length));
      if (total === null) return null;
      totals.push(total);
    }
    const whole = await count(systemPrompt, turns);
    if (whole === null) return null;
    return {
      system: whole - (totals.at(-1) ?? 0),
      turns: totals.map((total, index) => total - (totals[index - 1] ?? 0)),
      template: 0,
    };
  };
}
