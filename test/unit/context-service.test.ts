import { describe, expect, it, vi } from 'vitest';
import type { Message } from '../../src-main/contract/index.ts';
import { createContextService } from '../../src-main/conversations/context-service.ts';
import { createEventBus } from '../../src-main/events.ts';
import { GUIDE_ID } from '../../src-main/models/guide.ts';

type Deps = Parameters<typeof createContextService>[0];

const CONTEXT_SIZE = 1_000;
const NEXT = { id: 'chat', draft: 'And then?', attachments: [], systemPrompt: null };

/** A chat of many long exchanges: the last alone has room, all of them have not. */
const path = Array.from({ length: 10 }, (_, place) => ({
  id: `m${place}`,
  role: place % 2 === 0 ? 'user' : 'assistant',
  status: 'complete',
  text: 'word '.repeat(30),
  stats: null,
  modelId: null,
  settings: null,
})) as unknown as Message[];

/** The parts of the app that are read; any other would throw here. */
function serviceWith(modelId: string) {
  const countParts = vi.fn(() => Promise.resolve(null));
  const deps = {
    store: {
      conversations: {
        head: () =>
          Promise.resolve({
            activeLeafId: 'm9',
            createdAt: '2026-11-24T00:00:00.000Z',
            settings: { sampling: null, systemPrompt: 'Be brief.', reasoning: null },
          }),
      },
      messages: { path: () => Promise.resolve(path) },
      attachments: { onPath: () => Promise.resolve([]) },
    },
    engine: { state: { modelId, contextSize: CONTEXT_SIZE }, countParts },
    models: { samplingOf: () => Promise.reject(new Error('no sampling of its own')) },
    settings: { get: () => ({ defaultSystemPrompt: '' }) },
    bus: createEventBus('run'),
    answers: { withLive: (message: Message) => message },
  } as unknown as Deps;
  return { service: createContextService(deps), countParts };
}

describe('a word of the user before a send', () => {
  it('is not needed for what the guide does not get', async () => {
    const { service, countParts } = serviceWith(GUIDE_ID);
    expect(await service.needsWord(NEXT, GUIDE_ID)).toBe(false);
    expect(countParts).not.toHaveBeenCalled();
  });

  it('is needed of a model that gets the whole chat and cannot count it', async () => {
    const { service } = serviceWith('model');
    expect(await service.needsWord(NEXT, 'model')).toBe(true);
  });
});
