import type { LlamaText, Tokenizer } from 'node-llama-cpp';
import type { PromptInput, PromptParts } from './contract.ts';
import { renderPrompt, type PromptModel } from './prompt.ts';

/** A stretch of plain text in the rendered prompt, and the tokens it takes there. */
interface Run {
  readonly text: string;
  readonly tokens: number;
}

/** The plain text of a prompt: what persons and models wrote, and what some templates write as if they had. */
function plainRuns(text: LlamaText, tokenizer: Tokenizer): Run[] {
  const runs: Run[] = [];
  for (const [index, value] of text.values.entries()) {
    if (typeof value !== 'string') continue;
    // As LlamaText tokenizes it: only the very first text may keep the space that a tokenizer adds.
    const option = index === 0 ? undefined : 'trimLeadingSpace';
    runs.push({ text: value, tokens: tokenizer(value, false, option).length });
  }
  return runs;
}

/** Gives the tokens of the runs to the texts that they contain, in order. */
class Finder {
  readonly #runs: readonly Run[];
  readonly #tokenizer: Tokenizer;
  #run = 0;
  /** In the text of the run, and the tokens before it. */
  #at = 0;
  #tokensAt = 0;

  constructor(runs: readonly Run[], tokenizer: Tokenizer) {
    this.#runs = runs;
    this.#tokenizer = tokenizer;
  }

  /** Tokens of the next place where `text` stands; 0 when the template has changed or left it out. */
  take(text: string): number {
    if (text === '') return 0;
    for (let index = this.#run; index < this.#runs.length; index += 1) {
      const run = this.#runs[index];
      const from = index === this.#run ? this.#at : 0;
      const start = run?.text.indexOf(text, from) ?? -1;
      if (!run || start < 0) continue;
      if (index !== this.#run) this.#tokensAt = 0;
      this.#run = index;
      const before = this.#tokensUpTo(run, start);
      this.#at = start + text.length;
      this.#tokensAt = this.#tokensUpTo(run, this.#at);
      return this.#tokensAt - before;
    }
    return 0;
  }

  /** A token that crosses the border belongs to what comes before it. */
  #tokensUpTo(run: Run, end: number): number {
    if (end >= run.text.length) return run.tokens;
    const counted = end === 0 ? 0 : this.#tokenizer(run.text.slice(0, end), false, 'trimLeadingSpace').length;
    return Math.max(this.#tokensAt, Math.min(run.tokens, counted));
  }
}

/**
 * Where the tokens of a prompt come from.
 * @throws context_full, internal as `renderPrompt`
 */
export function countParts(
  loaded: PromptModel,
  input: PromptInput,
): Omit<PromptParts, 'reusable'> & {
  tokens: ReturnType<typeof renderPrompt>['tokens'];
} {
  const { text, tokens } = renderPrompt(loaded, input);
  const { tokenizer } = loaded.model;
  const finder = new Finder(plainRuns(text, tokenizer), tokenizer);
  const system = input.systemPrompt.trim() === '' ? 0 : finder.take(input.systemPrompt);
  const turns = input.turns.map((turn, index) => {
    const isLast = index === input.turns.length - 1;
    const reasoning = isLast && turn.role === 'assistant' ? finder.take(turn.reasoning ?? '') : 0;
    return reasoning + (turn.text.trim() === '' ? 0 : finder.take(turn.text));
  });
  const found = turns.reduce((sum, count) => sum + count, system);
  return { tokens, total: tokens.length, system, turns, template: tokens.length - found };
}
