import type { Page } from 'playwright-core';

/** What goes between a page and the core, for tests that disturb it. */
export interface Wire {
  /** Sees each frame of the page on its way; gives what is sent in its place, null to keep it back. */
  onSend: (frame: string) => string | null;
  /** Sends a frame that was kept back, over the newest connection. */
  send(frame: string): void;
  /** Connections that the page has made since the wire is watched. */
  readonly connections: number;
  /** Breaks the newest connection as a fault would. */
  cut(): Promise<void>;
}

/** The wire of a page in a browser; it is watched from the next load on. */
export async function socketWire(page: Page): Promise<Wire> {
  const ends: { page: { close(): Promise<void> }; core: { send(frame: string): void } }[] = [];
  const wire: Wire = {
    onSend: (frame) => frame,
    send: (frame) => ends.at(-1)?.core.send(frame),
    get connections() {
      return ends.length;
    },
    cut: async () => ends.at(-1)?.page.close(),
  };
  await page.routeWebSocket(/\/socket$/, (socket) => {
    const core = socket.connectToServer();
    ends.push({ page: socket, core });
    socket.onMessage((message) => {
      const frame = wire.onSend(String(message));
      if (frame !== null) core.send(frame);
    });
  });
  return wire;
}
