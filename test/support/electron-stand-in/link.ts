/** The wire between the app's process, where main runs, and the test's, where its windows are pages. */

export interface Message {
  /** Set on requests; the answer carries it too. */
  id?: number;
  answerTo?: number;
  error?: string;
  type: string;
  value?: unknown;
}

type Handler = (value: never) => unknown;

/** Requests, answers and notices over a pair of send and receive. */
export class Link {
  readonly #send: (message: Message) => void;
  readonly #handlers = new Map<string, Handler>();
  readonly #pending = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  #lastId = 0;

  constructor(send: (message: Message) => void) {
    this.#send = send;
  }

  /** Sets the one handler of a type; what it returns is the answer. */
  handle(type: string, handler: Handler): void {
    this.#handlers.set(type, handler);
  }

  notify(type: string, value?: unknown): void {
    this.#send({ type, value });
  }

  request<T>(type: string, value?: unknown): Promise<T> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise<T>((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#send({ id, type, value });
    });
  }

  async receive(message: Message): Promise<void> {
    if (message.answerTo !== undefined) {
      const waiting = this.#pending.get(message.answerTo);
      this.#pending.delete(message.answerTo);
      if (message.error === undefined) waiting?.resolve(message.value);
      else waiting?.reject(new Error(message.error));
      return;
    }
    const handler = this.#handlers.get(message.type);
    const answer = { type: message.type, ...(message.id === undefined ? {} : { answerTo: message.id }) };
    try {
      if (!handler) throw new Error(`Nobody handles ${message.type}.`);
      const value = await handler(message.value as never);
      if (message.id !== undefined) this.#send({ ...answer, value });
    } catch (error) {
      if (message.id === undefined) throw error;
      this.#send({
        ...answer,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    }
  }

  /** The other side is gone: nothing will be answered any more. */
  end(): void {
    for (const { reject } of this.#pending.values())
      reject(new Error('The other side of the stand-in is gone.'));
    this.#pending.clear();
  }
}

export interface FrameFacts {
  origin: string;
  url: string;
  isMain: boolean;
}
