import { describe, expect, it, vi } from 'vitest';
import { createTitles, type TitlesDeps } from '../../src-main/conversations/titles.ts';
import type { GenerationEvent, GenerationResult } from '../../src-main/engine/api.ts';
import { createEventBus } from '../../src-main/events.ts';
import { noRecorder } from '../support/recorder.ts';

// Titles with an engine and a store whose answers the test gives.

const CHAT = '3f2b6c1e-0000-4000-8000-000000000001';
const MESSAGE = '3f2b6c1e-0000-4000-8000-000000000002';
const MODEL = '3f2b6c1e-0000-4000-8000-000000000009';

interface Asked {
  signal: AbortSignal;
  onEvent: (event: GenerationEvent) => void;
  request: Record<string, unknown>;
  end(result: Partial<GenerationResult>): void;
}

function setUp(over: { chat?: object; answer?: object; titlesByModel?: boolean } = {}) {
  const bus = createEventBus('run');
  const asked: Asked[] = [];
  let listener = () => {};
  const state = { status: 'ready', runningGenerations: 0, queuedGenerations: 0, modelId: MODEL };
  const engine = {
    state,
    onState(told: () => void) {
      listener = told;
      return () => {};
    },
    generate: (request: Record<string, unknown>, options: Pick<Asked, 'signal' | 'onEvent'>) =>
      new Promise((resolve) => {
        const end = (result: Partial<GenerationResult>) =>
          resolve({ stopReason: 'end', stats: null, error: null, ...result });
        options.signal.addEventListener('abort', () => end({ stopReason: 'stopped' }));
        asked.push({ ...options, request, end });
      }),
  };
  const chat = {
    temporary: false,
    titleSource: 'auto',
    title: 'How do I sort?',
    activeLeafId: MESSAGE,
    createdAt: new Date(2026, 2, 4, 23, 30).getTime(),
    settings: { systemPrompt: 'Be brief.' },
    ...over.chat,
  };
  const path = [
    { role: 'user', text: 'How do I sort?' },
    { role: 'assistant', text: 'Like this.', status: 'complete', modelId: MODEL, ...over.answer },
  ];
  const autoTitle = vi.fn(async (_input: { title: string }) => true);
  const store = {
    conversations: { head: async () => chat },
    messages: { path: async () => path },
    history: { autoTitle },
  };
  const settings = { get: () => ({ titlesByModel: over.titlesByModel ?? true }) };
  const titles = createTitles({
    store,
    engine,
    settings,
    bus,
    recorder: noRecorder,
  } as unknown as TitlesDeps);
  return { bus, asked, autoTitle, state, titles, engineChanged: () => listener() };
}

const settled = { type: 'generation.settled', conversationId: CHAT, messageId: MESSAGE } as const;
const progress = {
  type: 'generation.progress',
  conversationId: CHAT,
  messageId: MESSAGE,
  phase: 'loading',
  done: 0,
  total: 0,
  etaMs: null,
} as const;
const turns = async () => {
  for (let n = 0; n < 5; n += 1) await new Promise((resolve) => setImmediate(resolve));
};

describe('titles by the model', () => {
  it('is asked for in the background, and saved where the first words still stand', async () => {
    const { bus, asked, autoTitle } = setUp();
    bus.emit(settled);
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    expect(asked[0]?.request).toMatchObject({
      modelId: MODEL,
      priority: 'background',
      systemPrompt: 'Be brief.',
      date: '2026-03-04',
    });
    asked[0]?.onEvent({ type: 'chunk', kind: 'reasoning', text: 'Hm' });
    asked[0]?.onEvent({ type: 'chunk', kind: 'answer', text: '"Sorting ' });
    asked[0]?.onEvent({ type: 'chunk', kind: 'answer', text: 'lists"' });
    asked[0]?.end({});
    await vi.waitFor(() => expect(autoTitle).toHaveBeenCalledTimes(1));
    expect(autoTitle.mock.lastCall?.[0]).toEqual({
      id: CHAT,
      before: 'How do I sort?',
      title: 'Sorting lists',
    });
  });

  it('ends the moment an answer is asked for, and is tried again when the engine is free', async () => {
    const { bus, asked, autoTitle, state, engineChanged } = setUp();
    bus.emit(settled);
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    asked[0]?.onEvent({ type: 'chunk', kind: 'answer', text: 'Half a ti' });
    state.runningGenerations = 1;
    bus.emit(progress);
    expect(asked[0]?.signal.aborted).toBe(true);
    await turns();
    expect(asked).toHaveLength(1);
    expect(autoTitle).not.toHaveBeenCalled();
    state.runningGenerations = 0;
    engineChanged();
    await vi.waitFor(() => expect(asked).toHaveLength(2));
    asked[1]?.end({});
  });

  it.each([
    ['a temporary chat', { chat: { temporary: true } }],
    ['a title of the user', { chat: { titleSource: 'user' } }],
    ['a title that it gave before', { chat: { title: 'Sorting' } }],
    ['an answer that was stopped', { answer: { status: 'stopped' } }],
    ['a model that is no longer loaded', { answer: { modelId: CHAT } }],
    ['the setting switched off', { titlesByModel: false }],
  ])('is not asked for with %s', async (_name, over) => {
    const { bus, asked } = setUp(over);
    bus.emit(settled);
    await turns();
    expect(asked).toHaveLength(0);
  });

  it('waits while the engine is busy, and ends with the app', async () => {
    const { bus, asked, state, titles, engineChanged } = setUp();
    state.runningGenerations = 1;
    bus.emit(settled);
    await turns();
    expect(asked).toHaveLength(0);
    state.runningGenerations = 0;
    engineChanged();
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    await titles.close();
    expect(asked[0]?.signal.aborted).toBe(true);
  });
});
