import { implement, os, type RouterClient } from '@orpc/server';
import { RPCHandler } from '@orpc/server/message-port';
import { createORPCClient } from '@orpc/client';
import { RPCLink } from '@orpc/client/message-port';
import * as v from 'valibot';
import { appError, contract, type AppEvent } from '../../src-main/contract/index.ts';
import { guardChannel, type RawChannel } from '../../src-main/contract/transport.ts';
import { createEventBus, type EventBus } from '../../src-main/events.ts';
import { typedEdge } from '../../src-main/rpc-edge.ts';

/** What the handlers of a {@link createTestCore} saw. */
export interface Seen {
  started: number;
  aborted: number;
  cleanedUp: number;
  drafts: string[];
  unexpected: unknown[];
}

/** A core without engine and store behind the real contract, edge and guard, for tests of transports. */
export function createTestCore(runId = 'run-1') {
  const bus = createEventBus(runId);
  const seen: Seen = { started: 0, aborted: 0, cleanedUp: 0, drafts: [], unexpected: [] };
  const router = createTestRouter(bus, seen);
  const handler = new RPCHandler(
    router,
    typedEdge((error) => seen.unexpected.push(error)),
  );
  return {
    bus,
    seen,
    router,
    serve(channel: RawChannel) {
      const port = guardChannel(channel, { side: 'server' });
      handler.upgrade(port);
      return port;
    },
  };
}

export type TestClient = RouterClient<ReturnType<typeof createTestRouter>>;

/** The typed client of a test core on a channel. */
export function testClient(channel: RawChannel): TestClient {
  return createORPCClient(new RPCLink({ port: guardChannel(channel, { side: 'client' }) }));
}

/** A chunk whose text tells its number. */
export function chunk(seq: number): AppEvent {
  const id = '00000000-0000-4000-8000-000000000000';
  return { type: 'message.chunk', conversationId: id, messageId: id, seq, kind: 'answer', text: `t${seq}` };
}

function untilAborted(signal: AbortSignal | undefined, seen: Seen): Promise<never> {
  seen.started += 1;
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => {
      seen.aborted += 1;
      reject(new Error('stopped by the test'));
    });
  });
}

function createTestRouter(bus: EventBus, seen: Seen) {
  const real = implement(contract);
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  return {
    system: {
      events: real.system.events.handler(({ lastEventId, signal }) => bus.subscribe({ lastEventId, signal })),
    },
    conversations: {
      get: real.conversations.get.handler(({ input }) => {
        throw appError('not_found', { id: input.id, triedTimes: 3 });
      }),
      saveDraft: real.conversations.saveDraft.handler(({ input }) => {
        seen.drafts.push(input.draft);
      }),
    },
    models: {
      load: real.models.load.handler(({ signal }) => untilAborted(signal, seen)),
    },
    test: {
      echo: os.input(v.object({ text: v.string() })).handler(({ input }) => input.text),
      large: os.input(v.number()).handler(({ input }) => 'é'.repeat(input)),
      circularError: os.handler(() => {
        throw appError('conflict', circular as Record<string, string>);
      }),
      plainError: os.handler(() => {
        throw new TypeError('secret stack');
      }),
      circularStream: os.handler(async function* () {
        yield 1;
        yield circular;
      }),
      failingStream: os.handler(async function* () {
        yield 1;
        throw appError('engine_crashed', { exitCode: 139 });
      }),
      brokenCleanUp: os.handler(() => {
        const numbers = countForEver();
        return Object.assign(numbers, {
          async return(): Promise<never> {
            seen.cleanedUp += 1;
            throw new Error('clean-up failed');
          },
        });
      }),
    },
  };
}

async function* countForEver(): AsyncGenerator<number, void> {
  for (let n = 1; ; n += 1) {
    yield n;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
