import { createORPCClient, type ClientLink } from '@orpc/client';
import { RPCLink } from '@orpc/client/message-port';
import type { BrowserContext, Page } from 'playwright-core';
import { PORT_CHANNEL } from '../../src-main/contract/host-channels.ts';
import type { AppClient } from '../../src-main/contract/index.ts';
import { createChannel, guardChannel, type ChannelEnds } from '../../src-main/contract/transport.ts';
import type { Wire } from './wire.ts';

/** Marks the calls of the test among those of the page on the page's port. */
const MARK = 'p:';

type Link = ClientLink<Record<never, never>>;

/** What the page's script tells and asks. */
interface Tap {
  tapHeard(kind: 'port' | 'ready' | 'frame', text: string): Promise<void>;
  tapAsked(frame: string): Promise<string | null>;
}
declare global {
  interface Window {
    tap?: { send(frame: string): void; cut(): void; watch: boolean };
  }
}

/** In the page: sits between its port and what the page does with it. */
function tapPort({ mark, channel }: { mark: string; channel: string }): void {
  const { tapHeard, tapAsked } = globalThis as unknown as Tap;
  window.addEventListener(
    'message',
    (event) => {
      const [port] = event.ports;
      if (event.source !== window || event.data !== channel || port === undefined) return;
      let post: (frame: string) => void = port.postMessage;
      const send = (frame: string) => post.call(port, frame);
      const cut = () => {
        port.close();
        port.dispatchEvent(new Event('close'));
      };
      const watch = window.tap?.watch ?? false;
      window.tap = { send, cut, watch };
      // One after the other, so that the order stays.
      let last = Promise.resolve();
      const tapped = (frame: string) => {
        if (!watch) return send(frame);
        last = last.then(async () => {
          const changed = await tapAsked(frame);
          if (changed !== null) send(changed);
        });
      };
      // Whoever sets another way to send later gets the frames after the test.
      Object.defineProperty(port, 'postMessage', {
        get: () => tapped,
        set: (next: typeof post) => void (post = next),
      });
      port.addEventListener('message', (message) => {
        const text = String(message.data);
        if (text.startsWith('{"leeward":"ready"')) void tapHeard('ready', text);
        if (!text.includes(`"i":"${mark}`)) return;
        message.stopImmediatePropagation();
        void tapHeard('frame', text);
      });
      void tapHeard('port', '');
    },
    true,
  );
}

/**
 * A test's client beside the page of a desktop window, and the page's wire. Main gives one port at a time, so
 * the client calls over the page's, with marked ids that the page never sees.
 */
export class PageClient {
  readonly client: AppClient;
  readonly wire: Wire;
  readonly #page: Page;
  #current: { ends: ChannelEnds; link: Link } | null = null;
  #ports = 0;
  readonly #waiting: (() => void)[] = [];

  private constructor(page: Page) {
    this.#page = page;
    this.client = createORPCClient({
      call: async (path, input, options) => (await this.#link()).call(path, input, options),
    } satisfies Link);
    this.wire = this.#makeWire();
  }

  /** Loads the page again with the client beside it. */
  static async attach(context: BrowserContext, page: Page): Promise<PageClient> {
    const own = new PageClient(page);
    await context.exposeBinding('tapHeard', (_source, kind: string, text: string) => own.#heard(kind, text));
    await context.exposeBinding('tapAsked', (_source, frame: string) => own.wire.onSend(frame));
    await context.addInitScript(tapPort, { mark: MARK, channel: PORT_CHANNEL });
    page.on('framenavigated', (frame) => {
      if (frame === page.mainFrame()) own.#gone();
    });
    await page.reload();
    return own;
  }

  /** The wire goes through the test from the next port on. */
  async watch(): Promise<Wire> {
    await this.#page.addInitScript(() => {
      window.tap = { send: () => {}, cut: () => {}, watch: true };
    });
    return this.wire;
  }

  #heard(kind: string, text: string): void {
    if (kind === 'port') {
      this.#ports += 1;
      this.#gone();
    } else if (kind === 'frame') {
      const frame = JSON.parse(text) as { i: string };
      this.#current?.ends.deliver(JSON.stringify({ ...frame, i: frame.i.slice(MARK.length) }));
    } else {
      const ends = createChannel({
        send: (plain) => {
          const frame = JSON.parse(plain) as { i: string };
          this.#sendInPage(JSON.stringify({ ...frame, i: MARK + frame.i }));
        },
        close: () => {},
      });
      const link = new RPCLink({ port: guardChannel(ends.channel, { side: 'client' }) });
      this.#current = { ends, link };
      for (const wake of this.#waiting.splice(0)) wake();
    }
  }

  #sendInPage(frame: string): void {
    void this.#page.evaluate((text) => window.tap?.send(text), frame).catch(() => this.#gone());
  }

  #gone(): void {
    this.#current?.ends.closed();
    this.#current = null;
  }

  async #link(): Promise<Link> {
    while (this.#current === null) await new Promise<void>((wake) => this.#waiting.push(wake));
    return this.#current.link;
  }

  #makeWire(): Wire {
    const ports = () => this.#ports;
    return {
      onSend: (frame) => frame,
      send: (frame) => this.#sendInPage(frame),
      get connections() {
        return ports();
      },
      cut: () => this.#page.evaluate(() => window.tap?.cut()),
    };
  }
}
