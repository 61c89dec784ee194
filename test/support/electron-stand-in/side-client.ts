import { createORPCClient, type ClientLink } from '@orpc/client';
import { RPCLink } from '@orpc/client/message-port';
import type { AppClient } from '../../../src-main/contract/index.ts';
import { sayHello } from '../../../src-main/contract/protocol.ts';
import { createChannel, guardChannel, type ChannelEnds } from '../../../src-main/contract/transport.ts';

/** Marks the calls of the test among those of the page on the page's port. */
const MARK = 't:';

type Link = ClientLink<Record<never, never>>;
type Send = (portId: number, data: unknown) => void;

const linkOf = ({ channel }: ChannelEnds): Link =>
  new RPCLink({ port: guardChannel(channel, { side: 'client' }) });

/**
 * A test's client beside the page. Main gives one port at a time: until the page asks for one the client has a
 * port of its own, and then it calls over the page's, with marked ids that the page never sees.
 */
export class SideClient {
  readonly client: AppClient;
  readonly #send: Send;
  readonly #askForPort: () => Promise<number>;
  readonly #hasPage: () => boolean;
  /** Calls that wait for the page's port. */
  readonly #waiting: (() => void)[] = [];
  #own: { id: number; ends: ChannelEnds } | null = null;
  #ownLink: Promise<Link> | null = null;
  #page: { id: number; ends: ChannelEnds; link: Link } | null = null;

  constructor(send: Send, askForPort: () => Promise<number>, hasPage: () => boolean) {
    this.#send = send;
    this.#askForPort = askForPort;
    this.#hasPage = hasPage;
    this.client = createORPCClient({
      call: async (path, input, options) => (await this.#link()).call(path, input, options),
    } satisfies Link);
  }

  /** A frame from main; true when it was for the test and not for the page. */
  take(id: number, data: unknown): boolean {
    if (id === this.#own?.id) {
      this.#own.ends.deliver(data);
      return true;
    }
    if (typeof data !== 'string') return false;
    const frame = JSON.parse(data) as { i?: string; leeward?: string };
    if (frame.leeward === 'ready') {
      const ends = createChannel({ send: (text) => this.#send(id, marked(text)), close: () => {} });
      this.#page = { id, ends, link: linkOf(ends) };
      this.#wake();
      return false;
    }
    if (frame.i?.startsWith(MARK) !== true) return false;
    if (this.#page?.id === id) {
      this.#page.ends.deliver(JSON.stringify({ ...frame, i: frame.i.slice(MARK.length) }));
    }
    return true;
  }

  /** A port is closed, from either side. */
  closed(id: number): void {
    if (this.#own?.id === id) {
      this.#own.ends.closed();
      this.#own = null;
      this.#ownLink = null;
    }
    if (this.#page?.id === id) {
      this.#page.ends.closed();
      this.#page = null;
    }
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async #link(): Promise<Link> {
    // A page that is there asks for a port by itself; one for the test would take it away.
    while (this.#page === null && this.#hasPage())
      await new Promise<void>((wake) => this.#waiting.push(wake));
    if (this.#page) return this.#page.link;
    return (this.#ownLink ??= this.#open());
  }

  async #open(): Promise<Link> {
    const id = await this.#askForPort();
    const ends = createChannel({ send: (text) => this.#send(id, text), close: () => {} });
    this.#own = { id, ends };
    const hello = await sayHello(ends.channel);
    if (!hello.ok) throw new Error(`hello refused: ${hello.reason}`);
    return linkOf(ends);
  }
}

function marked(text: string): string {
  const frame = JSON.parse(text) as { i: string };
  return JSON.stringify({ ...frame, i: MARK + frame.i });
}
