import * as v from 'valibot';

/** Largest frame taken from a client: a message text of the contract's longest, every character escaped. */
export const MAX_REQUEST_BYTES = 16 * 1024 * 1024;
/** Largest frame taken from the core: one answer may be a conversation with all its branches. */
export const MAX_RESPONSE_BYTES = 256 * 1024 * 1024;
/** A peer that lets this much pile up reads too slowly: it is cut off and resumes, so memory stays bounded. */
export const MAX_BUFFERED_BYTES = 32 * 1024 * 1024;
/**
 * A client's third malformed frame ends the connection: one may be a slip, three are not. From the core one
 * is enough: the call that it answered would wait for ever, and closing fails it with a typed error.
 */
const MAX_MALFORMED_FRAMES = { server: 3, client: 1 };
/** The contract's entities nest 8 levels at most; recursion further on must not run out of stack. */
const MAX_DEPTH = 64;
/** Ids of the peer adapter are short counters in base 36. */
const MAX_ID_LENGTH = 64;
/** Frames that wait between the hello and the guard; an honest client sends none before it is let in. */
const MAX_WAITING_FRAMES = 64;

// Channels -----------------------------------------------------------------------------------------------

/** A connection that carries text frames in order: port, socket, fork channel or memory. */
export interface RawChannel {
  /** Sends one frame; does nothing once the channel is closed. Never throws. */
  send(text: string): void;
  /** Sets the one reader. Frames that came before are handed to it; with null frames wait again. */
  onMessage(reader: ((data: unknown) => void) | null): void;
  /** Calls back once when either side has closed, also when that has happened already. */
  onClose(listener: () => void): void;
  /** Closes; safe to call twice. */
  close(): void;
  /** Bytes handed over and not yet taken by the peer, where the transport can tell. */
  bufferedBytes?(): number;
}

export interface ChannelEnds {
  readonly channel: RawChannel;
  /** The transport's frames go in here. */
  deliver(data: unknown): void;
  /** The transport says that it has closed. */
  closed(): void;
}

/** Makes a {@link RawChannel} over a transport's own calls, with the rules about order, waiting and closing. */
export function createChannel(transport: {
  send(text: string): void;
  close(): void;
  bufferedBytes?(): number;
}): ChannelEnds {
  let reader: ((data: unknown) => void) | null = null;
  let waiting: unknown[] = [];
  let isClosed = false;
  const closeListeners = new Set<() => void>();

  const closed = () => {
    if (isClosed) return;
    isClosed = true;
    reader = null;
    waiting = [];
    for (const listener of closeListeners) listener();
    closeListeners.clear();
  };
  const close = () => {
    if (isClosed) return;
    // A transport that fails while it closes is closed.
    try {
      transport.close();
    } finally {
      closed();
    }
  };
  const channel: RawChannel = {
    send(text) {
      if (isClosed) return;
      try {
        transport.send(text);
      } catch {
        closed();
      }
    },
    onMessage(next) {
      if (isClosed) return;
      reader = next;
      while (reader && waiting.length > 0) reader(waiting.shift());
    },
    onClose(listener) {
      if (isClosed) void Promise.resolve().then(listener);
      else closeListeners.add(listener);
    },
    close,
    ...(transport.bufferedBytes ? { bufferedBytes: () => transport.bufferedBytes?.() ?? 0 } : {}),
  };
  return {
    channel,
    deliver(data) {
      if (isClosed) return;
      if (reader && waiting.length === 0) reader(data);
      else if (waiting.length < MAX_WAITING_FRAMES) waiting.push(data);
      else close();
    },
    closed,
  };
}

/** Two connected channels inside one thread. Frames arrive in a later microtask, as from a real transport. */
export function createMemoryChannelPair(): readonly [RawChannel, RawChannel] {
  const later = (run: () => void) => void Promise.resolve().then(run);
  const left: ChannelEnds = createChannel({
    send: (text) => later(() => right.deliver(text)),
    close: () => later(() => right.closed()),
  });
  const right: ChannelEnds = createChannel({
    send: (text) => later(() => left.deliver(text)),
    close: () => later(() => left.closed()),
  });
  return [left.channel, right.channel];
}

interface EventTargetPort {
  addEventListener(type: 'message' | 'close', listener: (event: { data?: unknown }) => void): void;
}
interface EmitterPort {
  on(type: 'message' | 'close', listener: (event?: { data?: unknown }) => void): unknown;
}
/** Fits a browser's and a worker thread's MessagePort, and Electron's MessagePortMain. */
export type MessagePortLike = (EventTargetPort | EmitterPort) & {
  postMessage(data: string): void;
  start?(): void;
  close(): void;
};

/** Wraps a message port. It is started when the first reader is set by the caller of the channel. */
export function channelOfMessagePort(port: MessagePortLike): RawChannel {
  const ends = createChannel({ send: (text) => port.postMessage(text), close: () => port.close() });
  const onMessage = (event?: { data?: unknown }) => ends.deliver(event?.data);
  if ('addEventListener' in port) {
    port.addEventListener('message', onMessage);
    port.addEventListener('close', ends.closed);
  } else {
    port.on('message', onMessage);
    port.on('close', ends.closed);
  }
  port.start?.();
  return ends.channel;
}

// Control frames -----------------------------------------------------------------------------------------

/** Codes of the frames that are about the connection itself; all are codes of the contract. */
export const ControlCode = v.picklist(['malformed_frame', 'unauthorized', 'protocol_mismatch']);
export type ControlCode = v.InferOutput<typeof ControlCode>;

const ErrorFrame = v.object({ leeward: v.literal('error'), code: ControlCode });

/** The text of the one typed error that a frame outside any call is answered with. */
export function errorFrame(code: ControlCode): string {
  return JSON.stringify({ leeward: 'error', code });
}

// Envelope of the peer adapter ---------------------------------------------------------------------------

const Id = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_ID_LENGTH));
const Body = v.optional(
  v.looseObject({ json: v.optional(v.unknown()), meta: v.optional(v.array(v.array(v.unknown()))) }),
);
const EventMeta = v.optional(
  v.strictObject({
    id: v.optional(v.pipe(v.string(), v.maxLength(200), v.regex(/^[^\r\n\0]*$/))),
    retry: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
    comments: v.optional(v.array(v.pipe(v.string(), v.regex(/^[^\r\n]*$/)))),
  }),
);

// Only what the contract needs passes: POST, one header, no files, no streams from a client.
const Request = v.strictObject({
  i: Id,
  t: v.optional(v.literal(1)),
  p: v.strictObject({
    u: v.pipe(v.string(), v.maxLength(200), v.regex(/^(\/[A-Za-z0-9_]+)+$/)),
    b: Body,
    h: v.optional(v.strictObject({ 'last-event-id': v.optional(v.pipe(v.string(), v.maxLength(200))) })),
    m: v.optional(v.literal('POST')),
  }),
});
const Abort = v.strictObject({ i: Id, t: v.literal(4), p: v.optional(v.unknown()) });
const Response = v.strictObject({
  i: Id,
  t: v.optional(v.literal(2)),
  p: v.strictObject({
    s: v.optional(v.pipe(v.number(), v.integer(), v.minValue(200), v.maxValue(599))),
    h: v.optional(v.strictObject({ 'content-type': v.optional(v.literal('text/event-stream')) })),
    b: Body,
  }),
});
const StreamEvent = v.strictObject({
  i: Id,
  t: v.literal(3),
  p: v.strictObject({
    e: v.picklist(['message', 'error', 'done']),
    d: v.optional(v.unknown()),
    m: EventMeta,
  }),
});
const envelopes = {
  server: v.union([Request, Abort]),
  client: v.union([Response, StreamEvent, Abort]),
};

// The guard ----------------------------------------------------------------------------------------------

export interface GuardCounts {
  /** Frames passed on. */
  received: number;
  sent: number;
  malformed: number;
  /** Error frames from the peer. */
  refused: number;
}

/** What the message port adapters of oRPC ask of a port. */
export interface GuardedPort {
  on(event: string, listener: (event?: { data: unknown }) => void): void;
  postMessage(data: unknown): void;
  readonly counts: Readonly<GuardCounts>;
}

export interface GuardOptions {
  /** Which end this is: a server reads requests, a client reads responses. */
  side: 'server' | 'client';
  /** Largest frame taken, in UTF-8 bytes; by side {@link MAX_REQUEST_BYTES} or {@link MAX_RESPONSE_BYTES}. */
  maxBytes?: number;
  /** Most bytes that may wait for a slow peer, where the channel can tell. */
  maxBufferedBytes?: number;
}

/**
 * Wraps a channel as a port for oRPC's message port adapters. No frame reaches the adapter that it could
 * fail on: a malformed one is answered with one typed error, and the last that is allowed closes the channel.
 */
export function guardChannel(raw: RawChannel, options: GuardOptions): GuardedPort {
  const maxBytes = options.maxBytes ?? (options.side === 'server' ? MAX_REQUEST_BYTES : MAX_RESPONSE_BYTES);
  const maxBuffered = options.maxBufferedBytes ?? MAX_BUFFERED_BYTES;
  const counts: GuardCounts = { received: 0, sent: 0, malformed: 0, refused: 0 };
  let isClosed = false;
  raw.onClose(() => (isClosed = true));

  const read = (data: unknown, pass: (message: unknown) => void) => {
    const frame = parseFrame(data, options.side, maxBytes);
    if (frame.kind === 'message') {
      counts.received += 1;
      pass(frame.message);
    } else if (frame.kind === 'error') {
      counts.refused += 1;
      if (options.side === 'client') raw.close();
    } else {
      counts.malformed += 1;
      raw.send(errorFrame('malformed_frame'));
      if (counts.malformed >= MAX_MALFORMED_FRAMES[options.side]) raw.close();
    }
  };

  return {
    counts,
    on(event, listener) {
      if (event === 'message') raw.onMessage((data) => read(data, (message) => listener({ data: message })));
      if (event === 'close') raw.onClose(() => listener());
    },
    postMessage(data) {
      if (isClosed) {
        // The adapter would wait for the answer for ever; what is thrown here fails the call. Nobody waits
        // for an abort, so for that it would be a rejection that no one handles.
        if (options.side === 'client' && isRequest(data)) throw new Error('The channel is closed.');
        return;
      }
      // Binary is only made of files, which the contract has none of; a slow peer comes back and resumes.
      if (typeof data !== 'string' || (raw.bufferedBytes?.() ?? 0) > maxBuffered) return raw.close();
      counts.sent += 1;
      raw.send(data);
    },
  };
}

/** True for a frame of ours that starts a call. */
const isRequest = (data: unknown) => v.is(Request, parseJsonFrame(data, Infinity));

type Frame =
  { kind: 'message'; message: unknown } | { kind: 'error'; code: ControlCode } | { kind: 'malformed' };

/** Decides what one frame is. Pure; never throws. */
export function parseFrame(data: unknown, side: 'server' | 'client', maxBytes: number): Frame {
  const value = parseJsonFrame(data, maxBytes);
  if (value === undefined) return { kind: 'malformed' };
  if (v.is(envelopes[side], value)) return { kind: 'message', message: value };
  if (v.is(ErrorFrame, value)) return { kind: 'error', code: value.code };
  return { kind: 'malformed' };
}

/** The JSON value of a text frame within the limits on size, nesting and keys; else undefined. Never throws. */
export function parseJsonFrame(data: unknown, maxBytes: number): unknown {
  if (typeof data !== 'string' || !fitsBytes(data, maxBytes)) return undefined;
  try {
    const value: unknown = JSON.parse(data);
    return isWithinShape(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Counts UTF-8 bytes only when the length alone does not decide. */
function fitsBytes(text: string, maxBytes: number): boolean {
  if (text.length > maxBytes) return false;
  if (text.length * 3 <= maxBytes) return true;
  let bytes = 0;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    // Each half of a surrogate pair counts two of the pair's four bytes.
    bytes += unit < 0x80 ? 1 : unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 2 : 3;
  }
  return bytes <= maxBytes;
}

/** Walks without recursion: nesting within the limit and no `__proto__` key anywhere. */
function isWithinShape(value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) return false;
    const next: unknown[] = [];
    for (const item of level) {
      if (typeof item !== 'object' || item === null) continue;
      if (Object.hasOwn(item, '__proto__')) return false;
      for (const child of Object.values(item))
        if (typeof child === 'object' && child !== null) next.push(child);
    }
    level = next;
  }
  return true;
}
