import { describe, expect, it } from 'vitest';
import { acceptHello, PROTOCOL_VERSION, sayHello } from '../../src-main/contract/protocol.ts';
import {
  createChannel,
  createMemoryChannelPair,
  errorFrame,
  guardChannel,
  parseFrame,
  parseJsonFrame,
} from '../../src-main/contract/transport.ts';
import { errorCodes } from '../../src-main/contract/index.ts';

describe('hello', () => {
  it('lets a client in, with and without a token', async () => {
    for (const token of ['secret', undefined]) {
      const [near, far] = createMemoryChannelPair();
      const seen: unknown[] = [];
      const accepted = acceptHello(far, (given) => seen.push(given) > 0);
      expect(await sayHello(near, token)).toEqual({ ok: true });
      expect([await accepted, seen]).toEqual([{ ok: true }, [token]]);
    }
  });

  it('gives both sides the reason of a refusal and closes', async () => {
    const [near, far] = createMemoryChannelPair();
    const accepted = acceptHello(far, () => false);
    const closed = new Promise<void>((resolve) => near.onClose(resolve));
    const refused = { ok: false, reason: 'unauthorized' };
    expect([await sayHello(near, 'x'), await accepted]).toEqual([refused, refused]);
    await closed;
  });

  it('ends when the other side goes without a word', async () => {
    const [near, far] = createMemoryChannelPair();
    const said = sayHello(near);
    far.close();
    expect(await said).toEqual({ ok: false, reason: 'closed' });
    expect(await acceptHello(far, () => true)).toEqual({ ok: false, reason: 'closed' });
  });

  it('hands frames that came right after the hello to the next reader', async () => {
    const [near, far] = createMemoryChannelPair();
    const accepted = acceptHello(far, () => true);
    near.send(JSON.stringify({ leeward: 'hello', protocol: PROTOCOL_VERSION }));
    near.send('second');
    near.send('third');
    await accepted;
    await Promise.resolve();
    const frames: unknown[] = [];
    far.onMessage((data) => frames.push(data));
    expect(frames).toEqual(['second', 'third']);
  });

  it('closes on a client that floods before it is let in', async () => {
    const [near, far] = createMemoryChannelPair();
    const closed = new Promise<void>((resolve) => near.onClose(resolve));
    for (let n = 0; n < 65; n += 1) near.send('x');
    await closed;
    expect(await acceptHello(far, () => true)).toEqual({ ok: false, reason: 'closed' });
  });
});

describe('channel', () => {
  it('never throws when the transport does, and is closed then', async () => {
    const ends = createChannel({
      send: () => {
        throw new Error('gone');
      },
      close: () => {},
    });
    let closes = 0;
    ends.channel.onClose(() => (closes += 1));
    ends.channel.send('x');
    ends.channel.send('y');
    ends.channel.close();
    ends.closed();
    await new Promise<void>((resolve) => ends.channel.onClose(resolve));
    expect(closes).toBe(1);
  });
});

describe('guard', () => {
  it('counts, answers and closes a client at the third malformed frame', () => {
    const sent: string[] = [];
    let closed = false;
    const ends = createChannel({ send: (text) => sent.push(text), close: () => (closed = true) });
    const port = guardChannel(ends.channel, { side: 'server' });
    const passed: unknown[] = [];
    port.on('message', (event) => passed.push(event?.data));
    ends.deliver('{"i":"1","p":{"u":"/a/b"}}');
    for (let n = 1; n <= 3; n += 1) {
      expect(closed).toBe(false);
      ends.deliver('rubbish');
    }
    expect(closed).toBe(true);
    expect(passed).toEqual([{ i: '1', p: { u: '/a/b' } }]);
    expect(sent).toEqual(Array.from({ length: 3 }, () => errorFrame('malformed_frame')));
    expect(port.counts).toEqual({ received: 1, sent: 0, malformed: 3, refused: 0 });
  });

  it('never answers an error frame, so two guards cannot quarrel', () => {
    const sent: string[] = [];
    const ends = createChannel({ send: (text) => sent.push(text), close: () => {} });
    const port = guardChannel(ends.channel, { side: 'server' });
    port.on('message', () => {});
    ends.deliver(errorFrame('malformed_frame'));
    expect([sent, port.counts.refused]).toEqual([[], 1]);
  });

  it('cuts a peer off that lets too much wait, and takes no binary', () => {
    for (const [data, bufferedBytes] of [
      ['x', 101],
      [new Uint8Array(1), 0],
    ] as const) {
      let closed = false;
      const ends = createChannel({
        send: () => {},
        close: () => (closed = true),
        bufferedBytes: () => bufferedBytes,
      });
      guardChannel(ends.channel, { side: 'server', maxBufferedBytes: 100 }).postMessage(data);
      expect(closed).toBe(true);
    }
  });
});

describe('frames', () => {
  const LIMIT = 1_000;
  it.each([
    ['server', '{"i":"1","p":{"u":"/a/b","b":{"json":{"x":1}}}}', 'message'],
    ['server', '{"i":"1","p":{"u":"/a/b","h":{"last-event-id":"run:1"}}}', 'message'],
    ['server', '{"i":"1","t":4}', 'message'],
    ['server', '{"i":"1","p":{"b":{"json":1}}}', 'malformed'],
    ['server', '{"i":"1","t":3,"p":{"e":"message"}}', 'malformed'],
    ['client', '{"i":"1","p":{"b":{"json":1}}}', 'message'],
    ['client', '{"i":"1","p":{"s":404,"b":{"json":{}}}}', 'message'],
    ['client', '{"i":"1","p":{"h":{"content-type":"text/event-stream"}}}', 'message'],
    ['client', '{"i":"1","t":3,"p":{"e":"message","d":{"json":1},"m":{"id":"run:1"}}}', 'message'],
    ['client', '{"i":"1","t":3,"p":{"e":"message","m":{"id":"a\\nb"}}}', 'malformed'],
    ['client', '{"i":"1","t":3,"p":{"e":"other"}}', 'malformed'],
    ['client', '{"i":"1","p":{"u":"/a/b"}}', 'malformed'],
    ['client', '{"i":"1","p":{"h":{"content-disposition":"attachment"}}}', 'malformed'],
    ['client', '{"leeward":"error","code":"unauthorized"}', 'error'],
    ['client', '{"leeward":"error","code":"other"}', 'malformed'],
  ] as const)('%s reads %s as %s', (side, text, kind) => {
    expect(parseFrame(text, side, LIMIT).kind).toBe(kind);
  });

  it('counts UTF-8 bytes, not characters', () => {
    const quoted = (text: string) => JSON.stringify(text);
    for (const [text, bytes] of [
      ['a'.repeat(10), 12],
      ['é'.repeat(10), 22],
      ['€'.repeat(10), 32],
      ['😀'.repeat(10), 42],
    ] as const) {
      expect(new TextEncoder().encode(quoted(text))).toHaveLength(bytes);
      expect(parseJsonFrame(quoted(text), bytes)).toBe(text);
      expect(parseJsonFrame(quoted(text), bytes - 1)).toBeUndefined();
    }
  });

  it('takes nesting of 64 levels and no more, without running out of stack', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(parseJsonFrame(nested(64), 1_000)).toBeDefined();
    expect(parseJsonFrame(nested(66), 1_000)).toBeUndefined();
    expect(parseJsonFrame(nested(1_000_000), 10_000_000)).toBeUndefined();
  });

  it('has a code of the contract in every error frame', () => {
    for (const code of ['malformed_frame', 'unauthorized', 'protocol_mismatch'] as const) {
      expect(errorCodes).toContain(code);
    }
  });
});
