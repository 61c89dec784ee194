import type { LlamaChatResponseChunk } from 'node-llama-cpp';
import type { Reasoning } from './contract.ts';

/** A model that begins a thought again after each that was closed would do so until the context is full. */
const MAX_CLOSED = 3;

/**
 * The thoughts of one generation: how long they may be, and the way to end one that goes on. The library asks for
 * the budget after each token.
 */
export class Thinking {
  readonly budgets: { thoughtTokens: number; commentTokens: number };
  #isOpen = false;
  #closed = 0;

  constructor({ mode, budgetTokens }: Reasoning) {
    // A model that thinks although it was told not to is cut short at once.
    const thoughtTokens = mode === 'off' ? 0 : (budgetTokens ?? Infinity);
    this.budgets = { thoughtTokens, commentTokens: Infinity };
  }

  /** Follows what comes: a segment tells its start and its end. */
  note(chunk: LlamaChatResponseChunk): void {
    if (chunk.type === 'segment' && chunk.segmentType === 'thought') {
      this.#isOpen = chunk.segmentEndTime === undefined;
      if (!this.#isOpen) this.#closed += 1;
      if (this.#closed >= MAX_CLOSED) this.budgets.thoughtTokens = Infinity;
    } else if (chunk.tokens.length > 0) this.#isOpen = false;
  }

  /** The thought ends with the next token; false when none is open. */
  end(): boolean {
    if (!this.#isOpen) return false;
    this.budgets.thoughtTokens = 0;
    return true;
  }
}
