import * as v from 'valibot';
import { ControlCode, errorFrame, parseJsonFrame, type RawChannel } from './transport.ts';

/** Raised with every change that an open page of the version before could not follow. */
export const PROTOCOL_VERSION = 3;

/** Where the browser host takes sockets. */
export const SOCKET_PATH = '/socket';

/** The first frame is small; a stranger must not make the core parse more. */
const MAX_HELLO_BYTES = 1024;

const Version = v.pipe(v.number(), v.integer(), v.minValue(0));
const HelloFrame = v.object({
  leeward: v.literal('hello'),
  protocol: Version,
  /** On sockets only: a port is handed to one page and needs none. */
  token: v.optional(v.string()),
});
const AnswerFrame = v.variant('leeward', [
  v.object({ leeward: v.literal('ready'), protocol: Version }),
  v.object({ leeward: v.literal('error'), code: ControlCode }),
]);

export type HelloResult = { ok: true } | { ok: false; reason: ControlCode | 'closed' };

/**
 * The core's half of the greeting: reads the first frame, answers `ready` or one typed error and closes.
 * Frames that follow wait in the channel. The caller closes the channel when no hello comes in time.
 * @param isTokenRight gets the token of the frame, undefined when it has none
 */
export function acceptHello(
  channel: RawChannel,
  isTokenRight: (token: string | undefined) => boolean,
): Promise<HelloResult> {
  return new Promise((resolve) => {
    const refuse = (reason: ControlCode) => {
      channel.send(errorFrame(reason));
      resolve({ ok: false, reason });
      channel.close();
    };
    channel.onClose(() => resolve({ ok: false, reason: 'closed' }));
    channel.onMessage((data) => {
      channel.onMessage(null);
      const hello = v.safeParse(HelloFrame, parseJsonFrame(data, MAX_HELLO_BYTES));
      if (!hello.success) return refuse('malformed_frame');
      // The token first: a stranger does not even learn the version.
      if (!isTokenRight(hello.output.token)) return refuse('unauthorized');
      if (hello.output.protocol !== PROTOCOL_VERSION) return refuse('protocol_mismatch');
      channel.send(JSON.stringify({ leeward: 'ready', protocol: PROTOCOL_VERSION }));
      resolve({ ok: true });
    });
  });
}

/** The client's half: sends the hello and waits for the answer. After a refusal the channel is closed. */
export function sayHello(channel: RawChannel, token?: string): Promise<HelloResult> {
  return new Promise((resolve) => {
    const refuse = (reason: ControlCode) => {
      resolve({ ok: false, reason });
      channel.close();
    };
    channel.onClose(() => resolve({ ok: false, reason: 'closed' }));
    channel.onMessage((data) => {
      channel.onMessage(null);
      const answer = v.safeParse(AnswerFrame, parseJsonFrame(data, MAX_HELLO_BYTES));
      if (!answer.success) return refuse('malformed_frame');
      if (answer.output.leeward === 'error') return refuse(answer.output.code);
      if (answer.output.protocol !== PROTOCOL_VERSION) return refuse('protocol_mismatch');
      resolve({ ok: true });
    });
    channel.send(
      JSON.stringify({
        leeward: 'hello',
        protocol: PROTOCOL_VERSION,
        ...(token === undefined ? {} : { token }),
      }),
    );
  });
}
