import { setImmediate as nextTurn } from 'node:timers/promises';
import { getEventMeta } from '@orpc/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isAppError, type AppError } from '../../src-main/contract/index.ts';
import { createTestCore, chunk, testClient } from '../support/test-core.ts';
import { malformedKinds } from '../support/malformed-frames.ts';
import { throwMalformedFrames, throwWrongCalls } from '../support/rubbish.ts';
import { allTransports, type OpenTransport } from '../support/transports.ts';

const ID = '11111111-1111-4111-8111-111111111111';
const FRAMES = 300;

const failure = async (call: Promise<unknown>): Promise<unknown> => {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error('the call succeeded');
};
const appFailure = async (call: Promise<unknown>): Promise<AppError> => {
  const error = await failure(call);
  if (!isAppError(error)) throw error;
  return error;
};

const unhandled: unknown[] = [];
const onUnhandled = (error: unknown) => unhandled.push(error);

beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', onUnhandled);
});
afterEach(async () => {
  // Rejections without a handler are told after the turn in which they happened.
  await nextTurn();
  await nextTurn();
  process.off('unhandledRejection', onUnhandled);
  expect(unhandled).toEqual([]);
});

describe.each(allTransports)('transport: $name', (transport) => {
  let open: OpenTransport;
  let core: ReturnType<typeof createTestCore>;
  let client: ReturnType<typeof testClient>;

  beforeEach(async () => {
    core = createTestCore();
    open = await transport.open();
    core.serve(open.server);
    client = testClient(open.client);
  });
  afterEach(() => open.dispose());

  it('carries a call, also one of the largest message the contract takes', async () => {
    expect(await client.test.echo({ text: 'hello' })).toBe('hello');
    const draft = '\u0001'.repeat(2_000_000);
    await client.conversations.saveDraft({ id: ID, draft });
    expect(core.seen.drafts).toEqual([draft]);
  });

  it('carries an answer of 20 MB', async () => {
    expect(await client.test.large(10_000_000)).toHaveLength(10_000_000);
  });

  it('carries typed errors with their details', async () => {
    const error = await appFailure(client.conversations.get({ id: ID }));
    expect(error).toMatchObject({
      code: 'not_found',
      status: 404,
      data: { retryable: false, details: { id: ID, triedTimes: 3 } },
    });
  });

  it('turns anything else that is thrown into `internal`, without its text', async () => {
    const error = await appFailure(client.test.plainError());
    expect(error.code).toBe('internal');
    expect(JSON.stringify(error)).not.toContain('secret');
    expect(core.seen.unexpected).toHaveLength(1);
  });

  it('answers an error whose data cannot be sent', async () => {
    expect((await appFailure(client.test.circularError())).code).toBe('internal');
  });

  it('answers refused input without quoting it', async () => {
    const error = await appFailure(client.conversations.saveDraft({ id: 'canary-input', draft: '' }));
    expect(error.code).toBe('invalid_input');
    expect(JSON.stringify(error)).not.toContain('canary');
  });

  it('takes a cancellation to the handler', async () => {
    const controller = new AbortController();
    const call = failure(client.models.load({ id: ID }, { signal: controller.signal }));
    await vi.waitFor(() => expect(core.seen.started).toBe(1));
    controller.abort();
    await call;
    await vi.waitFor(() => expect(core.seen.aborted).toBe(1));
  });

  it('aborts the handlers of a client that goes, and fails its calls', async () => {
    const call = failure(client.models.load({ id: ID }));
    await vi.waitFor(() => expect(core.seen.started).toBe(1));
    open.client.close();
    await vi.waitFor(() => expect(core.seen.aborted).toBe(1));
    expect(await call).toBeInstanceOf(Error);
  });

  it('fails a call on a channel that has closed', async () => {
    open.client.close();
    expect(await failure(client.test.echo({ text: 'late' }))).toBeInstanceOf(Error);
  });

  it('fails a call whose channel the core closes', async () => {
    const call = failure(client.models.load({ id: ID }));
    await vi.waitFor(() => expect(core.seen.started).toBe(1));
    open.server.close();
    expect(await call).toBeInstanceOf(Error);
    expect(await failure(client.test.echo({ text: 'late' }))).toBeInstanceOf(Error);
  });

  it('streams events with ids, and what came before the subscription is not told', async () => {
    core.bus.emit(chunk(1));
    const stream = await client.system.events();
    const first = stream.next();
    await client.test.echo({ text: 'the subscription is there before a later call is handled' });
    core.bus.emit(chunk(2));
    core.bus.emit(chunk(3));
    expect((await first).value).toMatchObject({ seq: 2 });
    const second = await stream.next();
    expect(second.value).toMatchObject({ seq: 3 });
    expect(getEventMeta(second.value)).toEqual({ id: 'run-1:3' });
    await stream.return(undefined);
  });

  it('resumes a stream after the last event seen', async () => {
    for (let seq = 1; seq <= 5; seq += 1) core.bus.emit(chunk(seq));
    const stream = await client.system.events(undefined, { lastEventId: 'run-1:3' });
    expect((await stream.next()).value).toMatchObject({ seq: 4 });
    expect((await stream.next()).value).toMatchObject({ seq: 5 });
    await stream.return(undefined);
  });

  it('says `gap` for an event of another run', async () => {
    core.bus.emit(chunk(1));
    const stream = await client.system.events(undefined, { lastEventId: 'run-0:1' });
    expect((await stream.next()).value).toEqual({ type: 'gap' });
    await stream.return(undefined);
  });

  it('ends a failing stream with its typed error', async () => {
    const stream = await client.test.failingStream();
    expect((await stream.next()).value).toBe(1);
    expect(await appFailure(stream.next())).toMatchObject({
      code: 'engine_crashed',
      data: { details: { exitCode: 139 } },
    });
  });

  it('ends a stream with an event that cannot be sent with `internal`', async () => {
    const stream = await client.test.circularStream();
    expect((await stream.next()).value).toBe(1);
    expect((await appFailure(stream.next())).code).toBe('internal');
  });

  it('survives a stream whose clean-up fails after the client has left it', async () => {
    const stream = await client.test.brokenCleanUp();
    await stream.next();
    await stream.return(undefined);
    await vi.waitFor(() => expect(core.seen.cleanedUp).toBe(1));
    expect(await client.test.echo({ text: 'alive' })).toBe('alive');
  });

  it('survives a stream whose clean-up fails after the client is gone', async () => {
    const stream = await client.test.brokenCleanUp();
    await stream.next();
    open.client.close();
    await vi.waitFor(() => expect(core.seen.cleanedUp).toBe(1));
  });

  it('ignores cancellations and events of calls that do not exist, and repeated ids', async () => {
    open.sendRaw('{"i":"zz","t":4}');
    const call = failure(client.models.load({ id: ID }));
    await vi.waitFor(() => expect(core.seen.started).toBe(1));
    open.sendRaw(JSON.stringify({ i: '1', p: { u: '/models/load', b: { json: { id: ID } } } }));
    expect(await client.test.echo({ text: 'alive' })).toBe('alive');
    expect(core.seen.started).toBe(1);
    open.client.close();
    await call;
  });
});

describe.each(allTransports)('rubbish over $name', (transport) => {
  it(`answers each of ${FRAMES} malformed frames with one typed error or a closed connection`, async () => {
    const report = await throwMalformedFrames(transport, { count: FRAMES, seed: 20_261_123 });
    expect(report.answered + report.cutOff).toBe(FRAMES);
    expect(report.answered).toBeGreaterThan(FRAMES * 0.9);
    // Every class of rubbish was among them.
    expect(Object.keys(report.kinds)).toHaveLength(malformedKinds.length);
  });

  it(`answers each of ${FRAMES} wrong calls with its typed error`, async () => {
    const answers = await throwWrongCalls(transport, { count: FRAMES, seed: 42 });
    for (const { data, code } of answers) expect([data, code]).toEqual([data, 'invalid_input']);
  });
});
