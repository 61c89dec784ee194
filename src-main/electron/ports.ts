import { MessageChannelMain, type WebContents, type WebFrameMain } from 'electron';
import * as v from 'valibot';
import { acceptHello } from '../contract/protocol.ts';
import { channelOfMessagePort, type RawChannel } from '../contract/transport.ts';
import type { Platform } from '../platform.ts';
import { FILES_CHANNEL, PORT_CHANNEL } from '../contract/host-channels.ts';
import { isSenderAllowed } from './rules.ts';

/** Our page says hello in the task that gets the port. */
const HELLO_TIMEOUT_MS = 3_000;
/** More files than anyone drops; longer paths than any system has. */
const DroppedPaths = v.pipe(
  v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(32_768))),
  v.maxLength(1_000),
);

export interface PortOptions {
  /** Takes a channel whose hello was accepted. */
  serve(channel: RawChannel): void;
  /** Lets dropped files in; resolves with their ids. */
  allowFiles(paths: string[]): Promise<string[]>;
  log: Platform['log'];
}

export interface Ports {
  /** Resolves when the page has no port any more, so that all it said has arrived. */
  closed(): Promise<void>;
}

/**
 * Hands a port to the page of a window whenever its main frame asks for one. The last port is closed when a
 * new one is asked for and when the page's process is gone; a page that ends closes its own, after what it
 * sent last.
 */
export function servePorts(contents: WebContents, { serve, allowFiles, log }: PortOptions): Ports {
  let current: RawChannel | null = null;
  const drop = () => {
    current?.close();
    current = null;
  };
  // `contents.ipc` brings messages of this window's frames only; which frame it was is checked each time.
  contents.ipc.on(PORT_CHANNEL, (event) => {
    const frame = event.senderFrame;
    if (frame === null || !isSenderAllowed({ frame: factsOf(frame) })) return log('port.refused');
    drop();
    const { port1, port2 } = new MessageChannelMain();
    const channel = channelOfMessagePort(port1);
    current = channel;
    void greet(channel, serve, log);
    frame.postMessage(PORT_CHANNEL, null, [port2]);
  });
  contents.ipc.handle(FILES_CHANNEL, async (event, paths: unknown) => {
    const frame = event.senderFrame;
    if (frame === null || !isSenderAllowed({ frame: factsOf(frame) }) || !v.is(DroppedPaths, paths)) {
      log('files.refused');
      return [];
    }
    return allowFiles(paths);
  });
  contents.on('render-process-gone', drop);
  return {
    closed: () => new Promise((resolve) => (current === null ? resolve() : current.onClose(resolve))),
  };
}

async function greet(channel: RawChannel, serve: PortOptions['serve'], log: Platform['log']): Promise<void> {
  const timer = setTimeout(() => channel.close(), HELLO_TIMEOUT_MS);
  // Who holds the port is let in: it carries no token, and one with a token is not from our page.
  const hello = await acceptHello(channel, (token) => token === undefined);
  clearTimeout(timer);
  if (hello.ok) serve(channel);
  else log('port.refused', { reason: hello.reason });
}

function factsOf(frame: WebFrameMain) {
  return { origin: frame.origin, isMain: frame.parent === null, isDetached: frame.detached };
}
