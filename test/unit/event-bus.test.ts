import { getEventMeta } from '@orpc/server';
import { describe, expect, it } from 'vitest';
import type { AppEvent } from '../../src-main/contract/index.ts';
import { createEventBus } from '../../src-main/events.ts';

const chunk = (seq: number): AppEvent => ({
  type: 'message.chunk',
  conversationId: 'c',
  messageId: 'm',
  seq,
  kind: 'answer',
  text: `${seq} `,
});
const seqOf = (event: AppEvent) => (event.type === 'message.chunk' ? event.seq : event.type);

async function take(stream: AsyncGenerator<AppEvent, void>, count: number) {
  const events: AppEvent[] = [];
  while (events.length < count) {
    const next = await stream.next();
    if (next.done) break;
    events.push(next.value);
  }
  return events;
}

describe('event bus', () => {
  it('gives a new subscriber what comes after, in order, with ids', async () => {
    const bus = createEventBus('run');
    bus.emit(chunk(1));
    const stream = bus.subscribe({});
    const taken = take(stream, 2);
    bus.emit(chunk(2));
    bus.emit(chunk(3));
    const events = await taken;
    expect(events.map(seqOf)).toEqual([2, 3]);
    expect(events.map((event) => getEventMeta(event)?.id)).toEqual(['run:2', 'run:3']);
  });

  it('keeps the last wish of a person until a client listens, and no longer', async () => {
    const bus = createEventBus('run');
    const heard: unknown[] = [];
    bus.on((event) => heard.push(seqOf(event)));
    bus.emitWhenHeard(chunk(1));
    bus.emitWhenHeard(chunk(2));
    expect(heard).toEqual([]);
    const abort = new AbortController();
    const first = bus.subscribe({ signal: abort.signal });
    expect((await take(first, 1)).map(seqOf)).toEqual([2]);
    bus.emitWhenHeard(chunk(3));
    expect((await take(first, 1)).map(seqOf)).toEqual([3]);
    const end = first.next();
    abort.abort();
    await end;
    bus.emitWhenHeard(chunk(4));
    const second = bus.subscribe({});
    expect((await take(second, 1)).map(seqOf)).toEqual([4]);
    expect(heard).toEqual([2, 3, 4]);
  });

  it('resumes after the last id without loss or repetition', async () => {
    const bus = createEventBus('run');
    for (let seq = 1; seq <= 10; seq += 1) bus.emit(chunk(seq));
    expect((await take(bus.subscribe({ lastEventId: 'run:4' }), 6)).map(seqOf)).toEqual([5, 6, 7, 8, 9, 10]);
  });

  it.each([
    ['an earlier run', 'old:3'],
    ['a number from the future', 'run:99'],
    ['nonsense', 'run:x'],
    ['empty text', ''],
  ])('tells of a gap for %s', async (_name, lastEventId) => {
    const bus = createEventBus('run');
    bus.emit(chunk(1));
    const stream = bus.subscribe({ lastEventId });
    const taken = take(stream, 2);
    bus.emit(chunk(2));
    expect((await taken).map(seqOf)).toEqual(['gap', 2]);
  });

  it('tells of a gap when the events are no longer kept, and resumes at the edge of what is', async () => {
    const bus = createEventBus('run');
    for (let seq = 1; seq <= 2_500; seq += 1) bus.emit(chunk(seq));
    expect((await take(bus.subscribe({ lastEventId: 'run:499' }), 1)).map(seqOf)).toEqual(['gap']);
    expect((await take(bus.subscribe({ lastEventId: 'run:500' }), 1)).map(seqOf)).toEqual([501]);
  });

  it('does not grow without bound for a subscriber that does not read', async () => {
    const bus = createEventBus('run');
    const stream = bus.subscribe({});
    const first = stream.next();
    bus.emit(chunk(1));
    await first;
    for (let seq = 2; seq <= 5_000; seq += 1) bus.emit(chunk(seq));
    const [gap, next] = await take(stream, 2);
    expect(gap?.type).toBe('gap');
    // What follows the gap is contiguous up to the newest event.
    expect(next && seqOf(next)).toBeGreaterThan(4_000);
  });

  it('ends with its signal and forgets the listener', async () => {
    const bus = createEventBus('run');
    const abort = new AbortController();
    const stream = bus.subscribe({ signal: abort.signal });
    const pending = stream.next();
    abort.abort();
    expect((await pending).done).toBe(true);
  });

  it('survives a listener that takes itself off while it is called', () => {
    const bus = createEventBus('run');
    const seen: string[] = [];
    const dispose = bus.on(() => {
      seen.push('first');
      dispose();
    });
    bus.on(() => seen.push('second'));
    bus.emit(chunk(1));
    bus.emit(chunk(2));
    expect(seen).toEqual(['first', 'second', 'second']);
  });
});
