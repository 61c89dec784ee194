import { describe, expect, it } from 'vitest';
import { DEFAULT_REASONING } from '../../src-main/contract/index.ts';
import { createReadAhead } from '../../src-main/conversations/read-ahead.ts';
import type { ReadAheadRequest } from '../../src-main/engine/api.ts';
import { INITIAL_STATE } from '../../src-main/engine/state.ts';
import { createEventBus } from '../../src-main/events.ts';
import { finishedWords } from '../../src-main/engine/sidecar/read-ahead.ts';

const MODEL = '00000000-0000-4000-8000-000000000001';
const CHAT = '00000000-0000-4000-8000-000000000002';

interface Over {
  isOn?: boolean;
  status?: 'ready' | 'generating' | 'idle';
  isOnBattery?: () => boolean;
  modelOfChat?: string | null;
  planned?: { asks?: boolean; fits?: boolean };
}

function setUp({ isOn = true, status = 'ready', isOnBattery, modelOfChat = null, planned }: Over) {
  const asked: { request: ReadAheadRequest; signal: AbortSignal }[] = [];
  const bus = createEventBus('run');
  const ends: (() => void)[] = [];
  const readAhead = createReadAhead({
    store: {
      conversations: { head: () => Promise.resolve({ settings: { modelId: modelOfChat } }) },
    } as never,
    engine: {
      state: { ...INITIAL_STATE, status, modelId: MODEL },
      readAhead: (request, signal) => {
        asked.push({ request, signal });
        const result = { readTokens: 7, reusedTokens: 1, elapsedMs: 1 };
        return new Promise((resolve) => {
          ends.push(() => resolve(result));
          signal.addEventListener('abort', () => resolve(null));
        });
      },
    },
    settings: { get: () => ({ readAhead: isOn, defaultModelId: null }) } as never,
    bus,
    context: {
      plan: () =>
        Promise.resolve({
          planned: {
            systemPrompt: 's',
            turns: [{ role: 'user', text: 'x' }],
            reasoning: DEFAULT_REASONING,
            asks: false,
            fits: true,
            ...planned,
          },
        }) as never,
    },
    isOnBattery,
  });
  return { readAhead, asked, bus, ends };
}

const next = { id: CHAT, draft: 'x', attachments: [], systemPrompt: null };
const never = () => new AbortController().signal;

describe('reading ahead', () => {
  it.each<[string, Over]>([
    ['the setting switched off', { isOn: false }],
    ['an answer that runs', { status: 'generating' }],
    ['no model', { status: 'idle' }],
    ['a computer on its battery', { isOnBattery: () => true }],
    ['a chat of another model', { modelOfChat: CHAT }],
    ['a chat of which something would be left out', { planned: { asks: true } }],
    ['a chat that is too long', { planned: { fits: false } }],
  ])('with %s does nothing', async (_name, over) => {
    const { readAhead, asked } = setUp(over);
    expect(await readAhead.read(next, never())).toEqual({ readTokens: 0 });
    expect(asked).toEqual([]);
  });

  it.each<[string, Over]>([
    ['a host that cannot tell of a battery', {}],
    ['a computer that is plugged in', { isOnBattery: () => false }],
    ['its own model', { modelOfChat: MODEL }],
  ])('with %s reads for the chat', async (_name, over) => {
    const { readAhead, asked, ends } = setUp(over);
    const reading = readAhead.read(next, never());
    await expect.poll(() => ends.length).toBe(1);
    ends[0]?.();
    expect(await reading).toEqual({ readTokens: 7 });
    expect(asked[0]?.request).toMatchObject({ modelId: MODEL, conversationId: CHAT, systemPrompt: 's' });
  });

  it('ends the one before when the next is asked for, after an answer too, and with the app', async () => {
    const { readAhead, asked, bus } = setUp({});
    const first = readAhead.read(next, never());
    await expect.poll(() => asked.length).toBe(1);
    bus.emit({ type: 'generation.settled', conversationId: CHAT, messageId: CHAT });
    expect(await first).toEqual({ readTokens: 0 });
    await expect.poll(() => asked.length).toBe(2);
    expect(asked[1]?.signal.aborted).toBe(false);
    readAhead.close();
    expect(asked[1]?.signal.aborted).toBe(true);
    bus.emit({ type: 'generation.settled', conversationId: CHAT, messageId: CHAT });
    expect(asked).toHaveLength(2);
  });
});

describe('the finished words of a draft', () => {
  it.each([
    ['', ''],
    ['word', ''],
    ['two words', 'two'],
    ['two words ', 'two words'],
    ['a line\n\nand', 'a line'],
    ['  ', ''],
  ])('%j: %j', (draft, expected) => expect(finishedWords(draft)).toBe(expected));
});
