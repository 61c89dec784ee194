import { appError, type EngineState } from '../contract/index.ts';
import type { Engine } from '../engine/api.ts';
import type { EventBus } from '../events.ts';

/** What a measurement says that something else came between. Not an error for anyone: it is measured again. */
export class Displaced extends Error {}
export const DISPLACED = 'displaced';

/** Knows when the engine works for a person, and what it took of memory. */
export class LabWatch {
  /** Highest readings since the last `resetPeak`. */
  peakMemoryBytes: number | null = null;
  peakVramBytes: number | null = null;
  /** Answers that are asked for and have not ended. */
  readonly #answers = new Set<string>();
  readonly #listeners = new Set<() => void>();
  readonly #stop: (() => void)[];
  #step: AbortController | null = null;

  constructor(bus: Pick<EventBus, 'on'>, engine: Pick<Engine, 'onState'>) {
    this.#stop = [
      bus.on((event) => {
        if (event.type === 'generation.progress') this.#began(event.messageId);
        else if (event.type === 'generation.settled') this.#ended(event.messageId);
      }),
      engine.onState(({ memory }) => this.#note(memory)),
    ];
  }

  resetPeak(): void {
    this.peakMemoryBytes = this.peakVramBytes = null;
  }

  /**
   * Runs one measurement while nobody waits for an answer; the first word of one aborts it.
   * @returns `displaced` when it was disturbed, whatever it said
   * @throws what it throws by itself; aborted
   */
  async undisturbed<T>(
    work: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
    onWait: () => void,
  ): Promise<T | typeof DISPLACED> {
    if (this.#answers.size > 0) onWait();
    while (this.#answers.size > 0) await this.#changed(signal);
    signal.throwIfAborted();
    const step = new AbortController();
    this.#step = step;
    try {
      const result = await work(AbortSignal.any([signal, step.signal]));
      return step.signal.aborted ? DISPLACED : result;
    } catch (error) {
      const isDisturbed = error instanceof Displaced || step.signal.aborted;
      if (signal.aborted || !isDisturbed) throw error;
      return DISPLACED;
    } finally {
      this.#step = null;
    }
  }

  close(): void {
    for (const stop of this.#stop) stop();
  }

  #began(messageId: string): void {
    this.#answers.add(messageId);
    this.#step?.abort(appError('aborted'));
  }

  #ended(messageId: string): void {
    this.#answers.delete(messageId);
    for (const listener of [...this.#listeners]) listener();
  }

  #note(memory: EngineState['memory']): void {
    if (!memory) return;
    this.peakMemoryBytes = Math.max(this.peakMemoryBytes ?? 0, memory.processBytes);
    if (memory.vramUsedBytes !== null)
      this.peakVramBytes = Math.max(this.peakVramBytes ?? 0, memory.vramUsedBytes);
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#listeners.delete(end);
        signal.removeEventListener('abort', end);
        if (signal.aborted) reject(appError('aborted'));
        else resolve();
      };
      this.#listeners.add(end);
      signal.addEventListener('abort', end, { once: true });
    });
  }
}
