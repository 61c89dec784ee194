/** A frame of rubbish with the class it belongs to. The same seed gives the same frames. */
export interface MalformedFrame {
  kind: string;
  data: string | Uint8Array;
}

/** Deterministic numbers in [0, 1): mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

const goodRequest = (id: string) => ({ i: id, p: { u: '/test/echo', b: { json: { text: 'hello' } } } });
const pick = <T>(random: () => number, items: readonly T[]): T => {
  const index = Math.floor(random() * items.length);
  if (!(index in items)) throw new Error('pick needs items');
  return items[index] as T;
};
const whole = (random: () => number, below: number) => Math.floor(random() * below);
const wrongValues = [null, true, -1, 1e308, '', 'x', [], {}, [[]], { i: 1 }, 'http://evil.example/'] as const;
/** One past the server's limit would be 16 MiB: every fiftieth huge frame is, the rest are big but cheap. */
const HUGE = 16 * 1024 * 1024 + 1;

const makers: Record<string, (random: () => number, id: string) => string | Uint8Array> = {
  truncatedJson(random, id) {
    const text = JSON.stringify(goodRequest(id));
    return text.slice(0, whole(random, text.length - 1));
  },
  mutatedText(random, id) {
    const text = [...JSON.stringify(goodRequest(id))];
    // The first character of the envelope goes too: no mutation leaves a good request.
    text[0] = pick(random, ['[', '}', '\u0000', '"', '\ud800']);
    for (let n = whole(random, 8); n >= 0; n -= 1)
      text[whole(random, text.length)] = String.fromCharCode(whole(random, 0x10000));
    return text.join('');
  },
  notAnObject: (random) =>
    JSON.stringify(pick(random, [null, true, 0, 'text', [], [[[]]], [1, 2], ['i', 't', 'p']])),
  binary: (random) => Uint8Array.from({ length: 1 + whole(random, 512) }, () => whole(random, 256)),
  /** The adapter's own form for files: JSON, the byte 255, then a blob. */
  binaryEnvelope(random, id) {
    const json = new TextEncoder().encode(JSON.stringify(goodRequest(id)));
    return Uint8Array.from([
      ...json,
      255,
      ...Array.from({ length: whole(random, 64) }, () => whole(random, 256)),
    ]);
  },
  huge(random, id) {
    const length = whole(random, 50) === 0 ? HUGE : 100_000;
    return JSON.stringify({ i: id, p: { u: '/test/echo', b: 'x'.repeat(length) } });
  },
  deep(random, id) {
    const depth = pick(random, [65, 1_000, 50_000]);
    const [open, close] = pick(random, [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const);
    const inner = open === '[' ? '' : '1';
    return `{"i":${JSON.stringify(id)},"p":{"u":"/test/echo","b":{"json":${open.repeat(depth)}${inner}${close.repeat(depth)}}}}`;
  },
  protoKey(random, id) {
    const place = pick(random, ['top', 'payload', 'body', 'header']);
    const proto = '"__proto__":{"polluted":true}';
    if (place === 'top') return `{${proto},"i":"${id}","p":{"u":"/test/echo"}}`;
    if (place === 'payload') return `{"i":"${id}","p":{${proto},"u":"/test/echo"}}`;
    if (place === 'body') return `{"i":"${id}","p":{"u":"/test/echo","b":{"json":{${proto}}}}}`;
    return `{"i":"${id}","p":{"u":"/test/echo","h":{${proto}}}}`;
  },
  wrongId: (random) =>
    JSON.stringify({
      ...goodRequest('1'),
      i: pick(random, [undefined, ...wrongValues.slice(0, 5), [], {}, 'i'.repeat(65), 'i'.repeat(100_000)]),
    }),
  wrongType: (random, id) =>
    JSON.stringify({ ...goodRequest(id), t: pick(random, [0, 2, 5, -1, 1.5, '1', null, {}, []]) }),
  wrongPayload: (random, id) => JSON.stringify({ i: id, p: pick(random, [undefined, ...wrongValues]) }),
  wrongUrl: (random, id) =>
    JSON.stringify({
      i: id,
      p: {
        u: pick(random, [
          undefined,
          1,
          null,
          {},
          '',
          '/',
          'http://evil.example/test/echo',
          'http://[',
          '//host',
          '/../x',
          '/%',
          '/a?data={',
          '/test/echo#',
          `/${'a'.repeat(1_000)}`,
        ]),
      },
    }),
  wrongMethod: (random, id) =>
    JSON.stringify({
      i: id,
      p: { ...goodRequest(id).p, m: pick(random, ['GET', 'DELETE', 'post', '', 1, null, {}]) },
    }),
  wrongHeaders: (random, id) =>
    JSON.stringify({
      i: id,
      p: {
        ...goodRequest(id).p,
        h: pick(random, [
          null,
          'x',
          { 'content-type': 'text/event-stream' },
          { 'content-type': 'multipart/form-data; boundary=x' },
          { 'content-disposition': 'attachment; filename="x"' },
          { 'content-type': 1 },
          { 'last-event-id': ['a', 'b'] },
          { 'last-event-id': 'x'.repeat(1_000) },
          { 'x-orpc-batch': '1' },
        ]),
      },
    }),
  wrongBody: (random, id) =>
    JSON.stringify({
      i: id,
      p: {
        u: '/test/echo',
        b: pick(random, ['x', 1, true, null, { meta: 1 }, { meta: {} }, { meta: [1] }, { meta: [null] }]),
      },
    }),
  clientStream: (random, id) =>
    JSON.stringify({
      i: id,
      t: 3,
      p: pick(random, [undefined, null, {}, { e: 'message', d: 1 }, { e: 'boom' }]),
    }),
  extraKeys: (random, id) =>
    JSON.stringify({ ...goodRequest(id), [pick(random, ['x', 'constructor', 'then', 'toString'])]: 1 }),
  controlFrame: (random) =>
    JSON.stringify({
      leeward: pick(random, ['hello', 'ready', 'boom', null, 1]),
      protocol: 1,
      token: 'again',
    }),
};

/** Classes whose envelope is right and whose content is not: the call gets a typed error instead. */
const wrongCalls: Record<string, (random: () => number, id: string) => string> = {
  unknownProcedure: (random, id) =>
    JSON.stringify({
      i: id,
      p: {
        u: `/${pick(random, ['nope', 'test', 'test/none', 'constructor', 'test/toString', '__proto__'])}`,
      },
    }),
  wrongInput: (random, id) =>
    JSON.stringify({ i: id, p: { u: '/test/echo', b: { json: pick(random, wrongValues) } } }),
  noBody: (_random, id) => JSON.stringify({ i: id, p: { u: '/test/echo' } }),
  wrongMeta: (random, id) =>
    JSON.stringify({
      i: id,
      p: {
        u: '/test/echo',
        b: {
          json: { text: 'x' },
          meta: pick(random, [
            [[1]],
            [[0, 'text']],
            [[5, 'text']],
            [[1, 'missing', 'path']],
            [
              [99, 'text'],
              [6, 'text'],
            ],
            [[1, 'constructor']],
          ]),
        },
      },
    }),
};

export const malformedKinds = Object.keys(makers);

/** A frame that no peer of ours sends. Each is answered with one error frame, or the channel is closed. */
export function malformedFrame(random: () => number): MalformedFrame {
  const kind = pick(random, malformedKinds);
  const data = makers[kind]?.(random, `bad${whole(random, 1_000_000)}`);
  if (data === undefined) throw new Error(`no maker ${kind}`);
  return { kind, data };
}

/** A call with a good envelope that cannot succeed, and the id that its typed error carries. */
export function wrongCall(random: () => number, id: string): MalformedFrame & { id: string } {
  const kind = pick(random, Object.keys(wrongCalls));
  const data = wrongCalls[kind]?.(random, id);
  if (data === undefined) throw new Error(`no maker ${kind}`);
  return { kind, data, id };
}
