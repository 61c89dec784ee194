import { randomUUID } from 'node:crypto';
import {
  appError,
  benchContext,
  DEFAULT_SAMPLING,
  type BenchFacts,
  type BenchPlan,
  type BenchProgress,
  type GenerationStats,
} from '../contract/index.ts';
import type { ChatTurn, Engine } from '../engine/api.ts';
import type { LoadOverrides } from '../models/model-loader.ts';
import type { Models } from '../models/models.ts';
import { BenchPrompts, FOLLOW_UP } from './lab-prompts.ts';
import { DISPLACED, Displaced, type LabWatch } from './lab-watch.ts';
import { LEAST_TIMED_TOKENS } from './summarise.ts';

/** The template's first words are the same in every prompt: a prompt that reuses no more is read anew. */
const MOST_REUSED = 0.25;
/** A follow-up that reuses less is none: the template writes the answer's turn in another way, or it was displaced. */
const LEAST_REUSED = 0.5;
/** So often a measurement is tried before it is left out, answers of the user not counted. */
const MAX_TRIES = 3;
/** Disturbed more often, a computer is in use, and nothing that is measured on it holds. */
const MAX_DISTURBED = 100;

export type BenchFigures = BenchFacts['figures'];
type Step = BenchProgress['step'];

export interface MeasureDeps {
  engine: Pick<Engine, 'state' | 'onState' | 'generate' | 'countTokens'>;
  models: Pick<Models, 'ensureLoadedWith'>;
  watch: LabWatch;
}

/** Where a measurement has come to. */
export interface BenchStep {
  step: Step;
  depth: number | null;
  repeat: number;
}

interface Generated {
  stats: GenerationStats;
  text: string;
}

/**
 * Measures one model. Each repeat loads it anew, then asks at every depth with the model in memory, and once more
 * behind the answer. What is measured while somebody waits for an answer is measured again.
 *
 * What is controlled: nothing of a prompt is reused (prompts differ from the first word on, no saved state is
 * offered), nothing is guessed ahead, one chat is held. What is not: the file is read once before the first repeat,
 * and whether the system still has it in its memory at a load is the system's affair.
 */
export class BenchMeasure {
  readonly figures: BenchFigures;
  disturbed = 0;
  /** Repeats that are whole. */
  repeats = 0;
  readonly #deps: MeasureDeps;
  readonly #modelId: string;
  readonly #plan: BenchPlan;
  readonly #signal: AbortSignal;
  readonly #onStep: (step: BenchStep) => void;
  readonly #prompts = new BenchPrompts(randomUUID().slice(0, 8));
  #at: BenchStep = { step: 'preparing', depth: null, repeat: 0 };

  constructor(
    deps: MeasureDeps,
    modelId: string,
    plan: BenchPlan,
    { signal, onStep }: { signal: AbortSignal; onStep: (step: BenchStep) => void },
  ) {
    this.#deps = deps;
    this.#modelId = modelId;
    this.#plan = plan;
    this.#signal = signal;
    this.#onStep = onStep;
    const empty = () => ({ promptTokens: null, prefill: [], decode: [], warmMs: [], followUpMs: [] });
    this.figures = { loadMs: [], coldMs: [], depths: plan.depths.map((depth) => ({ depth, ...empty() })) };
  }

  /** Loads once without counting it: what a first load finds out, and reading the file, are no part of the figures. */
  async prepare(): Promise<void> {
    this.#tell('preparing', null, 0);
    await this.#again((signal) => this.#load(signal));
    const context = this.#deps.engine.state.contextSize ?? 0;
    const { depths, decodeTokens } = this.#plan;
    if (benchContext(depths.at(-1) ?? 0, decodeTokens) > context)
      throw appError('context_full', { contextSize: context });
  }

  /** One repeat more. */
  async repeat(): Promise<void> {
    const repeat = this.repeats + 1;
    const { figures } = this;
    this.#tell('loading', null, repeat);
    const [first] = this.#plan.depths;
    const cold = await this.#again(async (signal) => {
      await this.#free(signal);
      const { loadMs } = await this.#load(signal);
      this.#tell('cold', first ?? null, repeat);
      const prompt = await this.#prompt(first ?? 0);
      const { stats } = await this.#generate([{ role: 'user', text: prompt }], 1, signal);
      return loadMs > 0 && stats.ttftMs !== null ? { loadMs, firstMs: loadMs + stats.ttftMs } : null;
    });
    if (cold) {
      figures.loadMs.push(cold.loadMs);
      figures.coldMs.push(cold.firstMs);
    }
    for (const at of figures.depths) await this.#measureDepth(at, repeat);
    this.repeats = repeat;
  }

  async #measureDepth(at: BenchFigures['depths'][number], repeat: number): Promise<void> {
    const { decodeTokens } = this.#plan;
    const found = await this.#again(async (signal) => {
      await this.#load(signal);
      this.#tell('warm', at.depth, repeat);
      const question: ChatTurn = { role: 'user', text: await this.#prompt(at.depth) };
      const warm = await this.#generate([question], decodeTokens, signal);
      if (warm.stats.reusedTokens > warm.stats.promptTokens * MOST_REUSED) return null;
      this.#tell('follow_up', at.depth, repeat);
      const turns: ChatTurn[] = [
        question,
        { role: 'assistant', text: warm.text },
        { role: 'user', text: FOLLOW_UP },
      ];
      const next = await this.#generate(turns, 1, signal);
      return { warm: warm.stats, next: next.stats };
    });
    if (!found) return;
    const { warm, next } = found;
    const readMs = warm.prefillMs - warm.restoreMs;
    const [least, most] = at.promptTokens ?? [warm.promptTokens, warm.promptTokens];
    at.promptTokens = [Math.min(least, warm.promptTokens), Math.max(most, warm.promptTokens)];
    if (readMs > 0) at.prefill.push((warm.readTokens / readMs) * 1000);
    if (warm.tokensPerSecond !== null && warm.generatedTokens >= LEAST_TIMED_TOKENS)
      at.decode.push(warm.tokensPerSecond);
    if (warm.ttftMs !== null) at.warmMs.push(warm.ttftMs);
    const isFollowUp = next.reusedTokens >= next.promptTokens * LEAST_REUSED;
    if (isFollowUp && next.ttftMs !== null) at.followUpMs.push(next.ttftMs);
  }

  /**
   * Measures until nobody has disturbed it. `work` gives null for what was not measured as it should be.
   * @throws conflict when the computer is in use all the time
   */
  async #again<T>(work: (signal: AbortSignal) => Promise<T | null>): Promise<T | null> {
    for (let tries = 0; tries < MAX_TRIES;) {
      const { repeat, depth } = this.#at;
      const found = await this.#deps.watch.undisturbed(work, this.#signal, () =>
        this.#tell('waiting', depth, repeat),
      );
      if (found !== DISPLACED) {
        if (found !== null) return found;
        tries += 1;
        continue;
      }
      this.disturbed += 1;
      if (this.disturbed > MAX_DISTURBED) throw appError('conflict');
    }
    return null;
  }

  #overrides(keepLoadedMinutes: number | null): LoadOverrides {
    return { ...this.#plan.settings, speculation: 'off', sequences: 1, keepLoadedMinutes };
  }

  #load(signal: AbortSignal): Promise<{ loadMs: number }> {
    return this.#deps.models.ensureLoadedWith(this.#modelId, this.#overrides(null), signal);
  }

  /**
   * Takes the model out of memory without taking anything from somebody who has asked for an answer: the engine lets
   * go of it by itself after the next one, when nothing waits.
   */
  async #free(signal: AbortSignal): Promise<void> {
    const { engine, models } = this.#deps;
    if (!isLoaded(engine.state.status)) return;
    await models.ensureLoadedWith(this.#modelId, this.#overrides(0), signal);
    await this.#generate([{ role: 'user', text: '.' }], 1, signal);
    await new Promise<void>((resolve, reject) => {
      const end = () => {
        if (!signal.aborted && isLoaded(engine.state.status)) return;
        stop();
        signal.removeEventListener('abort', end);
        if (signal.aborted) reject(appError('aborted'));
        else resolve();
      };
      const stop = engine.onState(end);
      signal.addEventListener('abort', end, { once: true });
      end();
    });
  }

  #prompt(depth: number): Promise<string> {
    const { engine } = this.#deps;
    return this.#prompts.of(depth, (text) =>
      engine.countTokens({ systemPrompt: '', turns: [{ role: 'user', text }], reasoning: REASONING }),
    );
  }

  /** @throws Displaced when it gave way, or the model was loaded for it; the failure of the generation */
  async #generate(turns: ChatTurn[], maxTokens: number, signal: AbortSignal): Promise<Generated> {
    let text = '';
    const { stats, stopReason, error } = await this.#deps.engine.generate(
      {
        generationId: randomUUID(),
        modelId: this.#modelId,
        systemPrompt: '',
        turns,
        sampling: { ...DEFAULT_SAMPLING, temperature: 0, maxTokens },
        reasoning: REASONING,
        priority: 'background',
      },
      {
        signal,
        onEvent: (event) => {
          if (event.type === 'chunk' && event.kind === 'answer') text += event.text;
        },
      },
    );
    signal.throwIfAborted();
    if (error && error.code !== 'conflict' && error.code !== 'aborted') throw error;
    if (!stats || error || stopReason === 'stopped' || stats.loadMs > 0) throw new Displaced();
    return { stats, text };
  }

  #tell(step: Step, depth: number | null, repeat: number): void {
    this.#at = { step, depth, repeat };
    this.#onStep(this.#at);
  }
}

/** A thought would be read again with the follow-up in other words. */
const REASONING = { mode: 'off' as const, budgetTokens: null };

function isLoaded(status: Engine['state']['status']): boolean {
  return status === 'ready' || status === 'generating' || status === 'loading';
}
