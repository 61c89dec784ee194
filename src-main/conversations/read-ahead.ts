import type { NewAttachment } from '../contract/index.ts';
import type { Engine } from '../engine/api.ts';
import type { EventBus } from '../events.ts';
import type { SettingsService } from '../settings/settings.ts';
import type { StoreClient } from '../store/api.ts';
import type { ContextService } from './context-service.ts';

interface ReadAheadDeps {
  store: Pick<StoreClient, 'conversations'>;
  engine: Pick<Engine, 'state' | 'readAhead'>;
  settings: Pick<SettingsService, 'get'>;
  bus: EventBus;
  context: Pick<ContextService, 'plan'>;
  /** Whether the computer runs on its battery; absent where the host cannot tell. */
  isOnBattery?: (() => boolean) | undefined;
}

interface NextSend {
  id: string | null;
  draft: string;
  attachments: readonly NewAttachment[];
  systemPrompt: string | null;
}

export type ReadAhead = ReturnType<typeof createReadAhead>;

/**
 * Has the engine read what is certain of the next message while it is still being written, when a chat is opened,
 * and after an answer, whose words the template may write otherwise than the model said them. Nothing of it is kept
 * anywhere but in the engine's memory.
 */
export function createReadAhead({ store, engine, settings, bus, context, isOnBattery }: ReadAheadDeps) {
  /** One at a time: the newest knows best what comes. */
  let running = new AbortController();

  /** The model that the chat would be answered by is in memory and at rest. */
  async function isReady(id: string | null): Promise<boolean> {
    const { status, modelId } = engine.state;
    const { readAhead, defaultModelId } = settings.get();
    if (!readAhead || status !== 'ready' || isOnBattery?.()) return false;
    if (id === null) return true;
    const chat = await store.conversations.head({ id });
    return (chat.settings.modelId ?? defaultModelId ?? modelId) === modelId;
  }

  /** @returns tokens that were read; 0 where reading ahead is off, or nothing was certain that was not read before */
  async function read(next: NextSend, signal: AbortSignal): Promise<{ readTokens: number }> {
    running.abort();
    const own = new AbortController();
    running = own;
    const nothing = { readTokens: 0 };
    if (!(await isReady(next.id))) return nothing;
    const { planned } = await context.plan(next);
    // Something will be left out, and what is not decided yet.
    if (planned.asks || !planned.fits || own.signal.aborted) return nothing;
    const { modelId } = engine.state;
    const { systemPrompt, turns, reasoning, date } = planned;
    const result = await engine.readAhead(
      {
        systemPrompt,
        turns: [...turns],
        reasoning,
        ...(date === undefined ? {} : { date }),
        ...(modelId === null ? {} : { modelId }),
        ...(next.id === null ? {} : { conversationId: next.id }),
      },
      AbortSignal.any([signal, own.signal]),
    );
    return { readTokens: result?.readTokens ?? 0 };
  }

  const stopListening = bus.on((event) => {
    if (event.type !== 'generation.settled') return;
    const next = { id: event.conversationId, draft: '', attachments: [], systemPrompt: null };
    // The chat may be gone by now.
    void read(next, new AbortController().signal).catch(() => {});
  });

  return {
    read,
    close(): void {
      stopListening();
      running.abort();
    },
  };
}
