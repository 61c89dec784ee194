import { createChannel, type RawChannel } from '../contract/transport.ts';

/** Either end of a fork channel: the child's handle in main, `process` in the child. */
export interface ForkEnd {
  readonly connected: boolean;
  send?(message: string, callback: (error: Error | null) => void): boolean;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
  disconnect?(): void;
}

/** Wraps a fork channel. Only text crosses it. */
export function channelOfFork(end: ForkEnd): RawChannel {
  const ends = createChannel({
    send(text) {
      // The callback takes the error of a channel that closed in between; without it, send would throw later.
      end.send?.(text, (error) => {
        if (error) ends.closed();
      });
    },
    close() {
      if (end.connected) end.disconnect?.();
    },
  });
  end.on('message', (message) => ends.deliver(message));
  end.on('disconnect', ends.closed);
  return ends.channel;
}
