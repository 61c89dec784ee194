/** Time to change one's mind (guide section 5). */
export const TOAST_MS = 8000;

export interface ToastInput {
  text: string;
  /** The way back: a toast exists only for undo. */
  actionLabel: string;
  onaction: () => void;
}

export interface Toast extends ToastInput {
  id: number;
}

/** Undo offers that go away by themselves, except while the pointer or the focus is on them. */
export class ToastQueue {
  list = $state.raw<readonly Toast[]>([]);
  #nextId = 1;
  #held = false;
  readonly #timers = new WeakMap<Toast, ReturnType<typeof setTimeout>>();

  /** Shows an undo offer for {@link TOAST_MS}. @returns its id */
  show(input: ToastInput): number {
    const toast = { ...input, id: this.#nextId++ };
    this.list = [...this.list, toast];
    if (!this.#held) this.#startTimer(toast);
    return toast.id;
  }

  dismiss(id: number): void {
    for (const toast of this.list) if (toast.id === id) clearTimeout(this.#timers.get(toast));
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  /** Runs the action and removes the toast. */
  act(id: number): void {
    const toast = this.list.find((candidate) => candidate.id === id);
    this.dismiss(id);
    toast?.onaction();
  }

  /** Stops the clocks while the pointer or the focus is on the region. */
  hold(): void {
    this.#held = true;
    for (const toast of this.list) clearTimeout(this.#timers.get(toast));
  }

  /** Starts every clock anew. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    for (const toast of this.list) this.#startTimer(toast);
  }

  /** Removes everything, for example when the window closes. */
  dispose(): void {
    this.hold();
    this.list = [];
    this.#held = false;
  }

  #startTimer(toast: Toast): void {
    this.#timers.set(
      toast,
      setTimeout(() => this.dismiss(toast.id), TOAST_MS),
    );
  }
}

/** The queue of this window. */
export const toasts = new ToastQueue();
