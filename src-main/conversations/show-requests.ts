import type { EventBus } from '../events.ts';

export interface ShowRequests {
  /** Asks the page to show a chat. */
  ask(conversationId: string): void;
  /** The chat that was asked for last, once. */
  take(): string | null;
}

/** Chats that the host was asked to show; kept until a page takes them, which may only be about to open. */
export function createShowRequests(bus: Pick<EventBus, 'emit'>): ShowRequests {
  let requested: string | null = null;
  return {
    ask(conversationId) {
      requested = conversationId;
      bus.emit({ type: 'conversation.requested' });
    },
    take() {
      const taken = requested;
      requested = null;
      return taken;
    },
  };
}
