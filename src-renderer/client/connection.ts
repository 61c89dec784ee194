import { createORPCClient, getEventMeta, ORPCError, type ClientLink } from '@orpc/client';
import { RPCLink } from '@orpc/client/message-port';
import { appError, isAppError, type AppClient, type AppEvent } from '../../src-main/contract/index.ts';
import { sayHello } from '../../src-main/contract/protocol.ts';
import { guardChannel, type RawChannel } from '../../src-main/contract/transport.ts';
import { backoffMs } from './backoff.ts';
import type { Transport } from './transports.ts';

/** A core that takes the channel and has not let the page in for this long is not one. */
const OPEN_TIMEOUT_MS = 5_000;

export type ConnectionState =
  | { status: 'connecting' }
  | { status: 'open' }
  /** `attempt` connections have failed since it was open; the next is made at `retryAtMs` (Date.now). */
  | { status: 'lost'; attempt: number; retryAtMs: number }
  /** Trying again does not help: the address must be opened again (`unauthorized`) or the page reloaded. */
  | { status: 'refused'; reason: 'unauthorized' | 'protocol_mismatch' };

export interface Connection {
  readonly state: ConnectionState;
  /** Calls back after every change, not with the current state; returns the dispose. */
  subscribe(listener: (state: ConnectionState) => void): () => void;
  /** Tries at once instead of waiting. Does nothing unless the connection is lost. */
  retry(): void;
  /** Ends the connection for good. */
  close(): void;
}

export interface Connected {
  /** Calls fail with `connection_lost` (retryable) while the connection is not open. */
  readonly client: AppClient;
  readonly connection: Connection;
  /**
   * Every event of the core from now on, in order, across lost connections; `gap` when some were lost.
   * An event after the state is `open` is newer than what a call made before `open` has answered.
   * Returns the dispose.
   */
  onEvent(listener: (event: AppEvent) => void): () => void;
}

/** Connects and stays connected until it is refused or closed. */
export function createConnection(transport: Transport): Connected {
  const stateListeners = new Set<(state: ConnectionState) => void>();
  const eventListeners = new Set<(event: AppEvent) => void>();
  let state: ConnectionState = { status: 'connecting' };
  let link: ClientLink<Record<never, never>> | null = null;
  let channel: RawChannel | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let attempt = 0;
  let closed = false;
  let wasOpen = false;
  let lastEventId: string | undefined;

  const setState = (next: ConnectionState) => {
    state = next;
    tellAll(stateListeners, next);
  };
  const client: AppClient = createORPCClient({
    call: async (path, input, options) => {
      if (!link || state.status !== 'open') throw appError('connection_lost');
      try {
        return await link.call(path, input, options);
      } catch (error) {
        throw typedFailure(error, options.signal);
      }
    },
  } satisfies ClientLink<Record<never, never>>);

  /** One life of one channel: hello, events until it ends. Resolves when the channel is of no more use. */
  const live = async (opened: RawChannel): Promise<void> => {
    const timeout = setTimeout(() => opened.close(), OPEN_TIMEOUT_MS);
    const hello = await sayHello(opened, transport.token() ?? undefined);
    if (!hello.ok) {
      clearTimeout(timeout);
      if (hello.reason === 'closed') return;
      const reason = hello.reason === 'unauthorized' ? 'unauthorized' : 'protocol_mismatch';
      return setState({ status: 'refused', reason });
    }
    const current = new RPCLink({ port: guardChannel(opened, { side: 'client' }) });
    const events = await openEvents(current, lastEventId);
    clearTimeout(timeout);
    if (closed) return;
    link = current;
    attempt = 0;
    setState({ status: 'open' });
    // Nothing was seen before the cut, so there is no place to resume from: something may be missing.
    if (wasOpen && lastEventId === undefined) tellAll(eventListeners, { type: 'gap' });
    wasOpen = true;
    for await (const event of events) {
      lastEventId = getEventMeta(event)?.id ?? lastEventId;
      tellAll(eventListeners, event);
    }
  };

  const run = async () => {
    try {
      channel = await transport.open();
      if (!closed) await live(channel);
    } catch {
      // Why it was lost does not matter: the next attempt tells more.
    }
    link = null;
    channel?.close();
    channel = null;
    if (closed || state.status === 'refused') return;
    attempt += 1;
    const delay = backoffMs(attempt, Math.random());
    setState({ status: 'lost', attempt, retryAtMs: Date.now() + delay });
    timer = setTimeout(() => void run(), delay);
  };

  if (transport.token() === null) state = { status: 'refused', reason: 'unauthorized' };
  else void run();

  return {
    client,
    connection: {
      get state() {
        return state;
      },
      subscribe: (listener) => added(stateListeners, listener),
      retry() {
        if (state.status !== 'lost') return;
        clearTimeout(timer);
        setState({ status: 'connecting' });
        void run();
      },
      close() {
        closed = true;
        clearTimeout(timer);
        channel?.close();
      },
    },
    onEvent: (listener) => added(eventListeners, listener),
  };
}

function openEvents(link: ClientLink<Record<never, never>>, lastEventId: string | undefined) {
  const client: AppClient = createORPCClient(link);
  return client.system.events(undefined, { lastEventId });
}

/** What a failed call throws: the core's own error, `aborted` by the caller, or the lost connection. */
function typedFailure(error: unknown, signal: AbortSignal | undefined): unknown {
  if (isAppError(error)) return error;
  if (signal?.aborted) return appError('aborted', undefined, { cause: error });
  return error instanceof ORPCError
    ? appError('internal', undefined, { cause: error })
    : appError('connection_lost', undefined, { cause: error });
}

function added<T>(set: Set<T>, item: T): () => void {
  set.add(item);
  return () => void set.delete(item);
}

/** One listener's failure is reported and keeps nothing from the others. */
function tellAll<T>(listeners: Set<(value: T) => void>, value: T): void {
  for (const listener of [...listeners]) {
    try {
      listener(value);
    } catch (error) {
      reportError(error);
    }
  }
}
