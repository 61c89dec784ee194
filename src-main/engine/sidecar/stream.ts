/**
 * Runs `produce` and yields what it emits: the bridge from callbacks to an event stream. When the reader leaves
 * or `signal` fires, the signal of `produce` fires and its end is awaited, so that nothing runs on unseen.
 */
export async function* streamOf<T>(
  produce: (emit: (event: T) => void, signal: AbortSignal) => Promise<void>,
  signal?: AbortSignal,
): AsyncGenerator<T, void, void> {
  const events: T[] = [];
  const abort = new AbortController();
  const state = { isDone: false, errors: [] as unknown[], wake: () => {} };
  const running = produce(
    (event) => {
      events.push(event);
      state.wake();
    },
    signal ? AbortSignal.any([signal, abort.signal]) : abort.signal,
  )
    .catch((error: unknown) => void state.errors.push(error))
    .finally(() => {
      state.isDone = true;
      state.wake();
    });
  try {
    while (true) {
      const event = events.shift();
      if (event !== undefined) yield event;
      else if (state.isDone) break;
      else await new Promise<void>((resolve) => (state.wake = resolve));
    }
    if (state.errors.length > 0) throw state.errors[0];
  } finally {
    abort.abort();
    await running;
  }
}
