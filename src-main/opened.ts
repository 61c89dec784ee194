export interface Opened {
  add(close: () => unknown): void;
  /** Closes everything in reverse order, whatever fails, and once. @throws the first failure, at the end */
  closeAll(): Promise<void>;
}

/** What a process has opened, in order. */
export function createOpened(): Opened {
  const closers: (() => unknown)[] = [];
  let closing: Promise<void> | null = null;

  const closeAll = async () => {
    const errors: unknown[] = [];
    for (const close of closers.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  };
  return { add: (close) => void closers.push(close), closeAll: () => (closing ??= closeAll()) };
}
