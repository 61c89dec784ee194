import { untrack } from 'svelte';
import type { AppState } from '../../state/app.svelte.ts';

interface Chat {
  /** The chat on screen; null: a new one. */
  readonly id: () => string | null;
  /** Its model is loaded and idle. */
  readonly isReady: () => boolean;
  readonly send: () => void;
}

/** A message that was sent while no model could answer it: it goes once one is ready, unless it is changed before. */
export class WaitingSend {
  #isWaiting = $state(false);

  constructor(app: AppState, { id, isReady, send }: Chat) {
    $effect(() => {
      void app.drafts.get(id());
      void app.attached.of(id());
      return () => (this.#isWaiting = false);
    });
    $effect(() => {
      if (!this.#isWaiting || !isReady()) return;
      this.#isWaiting = false;
      untrack(send);
    });
  }

  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  begin(): void {
    this.#isWaiting = true;
  }
}
