import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_REASONING, type GenerationStats } from '../../src-main/contract/index.ts';
import {
  fitsSurely,
  leftOutBefore,
  planPrompt,
  previewOf,
  sentMessagesOf,
  type PromptInput,
  type PromptMessage,
} from '../../src-main/conversations/context.ts';
import { totalOf, type CountParts } from '../../src-main/conversations/context-counts.ts';
import { planContext, reserveFor, type PromptPart } from '../../src-main/conversations/context-plan.ts';
import { ThoughtMeter } from '../../src-main/conversations/thought-meter.ts';
import { fullStats } from '../support/store/fixtures.ts';

const part = (over: Partial<PromptPart> & Pick<PromptPart, 'role' | 'tokens'>): PromptPart => ({
  id: null,
  pinned: false,
  wasLeftOut: false,
  ...over,
});

/** A chat: maybe a system prompt, then questions with one or two answers each. */
const chats = fc
  .record({
    system: fc.option(fc.integer({ min: 1, max: 400 }), { nil: undefined }),
    exchanges: fc.array(
      fc.record({
        tokens: fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 2, maxLength: 3 }),
        pinned: fc.integer({ min: 0, max: 9 }),
        wasLeftOut: fc.boolean(),
      }),
      { minLength: 1, maxLength: 30 },
    ),
  })
  .map(({ system, exchanges }) => {
    const parts = exchanges.flatMap(({ tokens, pinned, wasLeftOut }, exchange) =>
      tokens.map((count, index) =>
        part({
          id: `${exchange}-${index}`,
          role: index === 0 ? 'user' : 'assistant',
          tokens: count,
          pinned: pinned === index,
          wasLeftOut,
        }),
      ),
    );
    return system === undefined ? parts : [part({ role: 'system', tokens: system }), ...parts];
  });
const sizes = fc.integer({ min: 64, max: 8_192 });
const sum = (parts: readonly PromptPart[], places: readonly number[]) =>
  places.reduce((total, place) => total + (parts[place]?.tokens ?? 0), 0);
const exchangeOf = ({ id }: PromptPart) => Number(id?.split('-')[0] ?? -1);

describe('what of a chat is sent', () => {
  it('every part is kept or dropped, in order, and the sum is that of what is kept', () => {
    fc.assert(
      fc.property(chats, sizes, (parts, size) => {
        const reserve = reserveFor(size, null);
        const plan = planContext(parts, size, reserve);
        expect([...plan.kept, ...plan.dropped].sort((a, b) => a - b)).toEqual([...parts.keys()]);
        expect(plan.kept).toEqual([...plan.kept].sort((a, b) => a - b));
        expect(plan.tokens).toBe(sum(parts, plan.kept));
        expect(plan.fits).toBe(plan.tokens <= size - reserve);
      }),
    );
  });

  it('nothing is dropped from a chat that fits', () => {
    fc.assert(
      fc.property(chats, sizes, (parts, size) => {
        const reserve = reserveFor(size, null);
        fc.pre(sum(parts, [...parts.keys()]) <= size - reserve);
        expect(planContext(parts, size, reserve)).toMatchObject({ dropped: [], fits: true, asks: false });
      }),
    );
  });

  it('the system prompt, pinned messages with their exchange, and the newest exchange stay', () => {
    fc.assert(
      fc.property(chats, sizes, (parts, size) => {
        const { dropped } = planContext(parts, size, reserveFor(size, null));
        const newest = Math.max(...parts.map(exchangeOf));
        const pinned = new Set(parts.filter((one) => one.pinned).map(exchangeOf));
        for (const place of dropped) {
          const one = parts[place];
          if (!one) throw new Error('no such part');
          expect(one.role).not.toBe('system');
          expect(exchangeOf(one)).not.toBe(newest);
          expect(pinned.has(exchangeOf(one))).toBe(false);
        }
      }),
    );
  });

  it('whole exchanges go: a question never without its answers', () => {
    fc.assert(
      fc.property(chats, sizes, (parts, size) => {
        const plan = planContext(parts, size, reserveFor(size, null));
        const gone = new Set(
          plan.dropped.map((place) => exchangeOf(parts[place] ?? part({ role: 'user', tokens: 0 }))),
        );
        for (const place of plan.kept) {
          const one = parts[place];
          if (one && one.id !== null) expect(gone.has(exchangeOf(one))).toBe(false);
        }
      }),
    );
  });

  it('the oldest go first: what stays of the droppable ones is newer than what goes', () => {
    fc.assert(
      fc.property(chats, sizes, (all, size) => {
        const parts = all.map((one) => ({ ...one, wasLeftOut: false }));
        const plan = planContext(parts, size, reserveFor(size, null));
        const newest = Math.max(...parts.map(exchangeOf));
        const stays = new Set(parts.filter((one) => one.pinned).map(exchangeOf)).add(newest).add(-1);
        const kept = plan.kept.map((place) =>
          exchangeOf(parts[place] ?? part({ role: 'system', tokens: 0 })),
        );
        const oldestKept = Math.min(Infinity, ...kept.filter((exchange) => !stays.has(exchange)));
        for (const place of plan.dropped) {
          expect(exchangeOf(parts[place] ?? part({ role: 'system', tokens: 0 }))).toBeLessThan(oldestKept);
        }
      }),
    );
  });

  it('it fits whenever dropping everything that may go makes it fit', () => {
    fc.assert(
      fc.property(chats, sizes, (parts, size) => {
        const reserve = reserveFor(size, null);
        const newest = Math.max(...parts.map(exchangeOf));
        const pinned = new Set(parts.filter((one) => one.pinned).map(exchangeOf));
        const must = [...parts.entries()].filter(
          ([, one]) => one.role === 'system' || exchangeOf(one) === newest || pinned.has(exchangeOf(one)),
        );
        const least = must.reduce((total, [, one]) => total + one.tokens, 0);
        expect(planContext(parts, size, reserve).fits).toBe(least <= size - reserve);
      }),
    );
  });

  it('asks exactly when something goes that was sent before; what was agreed on goes without a question', () => {
    fc.assert(
      fc.property(chats, sizes, (parts, size) => {
        const plan = planContext(parts, size, reserveFor(size, null));
        expect(plan.asks).toBe(plan.dropped.some((place) => parts[place]?.wasLeftOut === false));
        const again = parts.map((one, place) => ({ ...one, wasLeftOut: plan.dropped.includes(place) }));
        const second = planContext(again, size, reserveFor(size, null));
        if (plan.fits) expect(second).toMatchObject({ asks: false, dropped: plan.dropped });
      }),
    );
  });

  it('makes some room at once, so that the next turns need no question and keep what was read', () => {
    const parts = Array.from({ length: 20 }, (_, index) =>
      part({
        id: `${Math.floor(index / 2)}-${index % 2}`,
        role: index % 2 ? 'assistant' : 'user',
        tokens: 50,
      }),
    );
    const plan = planContext(parts, 1_024, 128);
    expect(plan.tokens).toBeLessThanOrEqual(1_024 - 128 - 256);
    expect(plan.tokens).toBeGreaterThan(1_024 - 128 - 256 - 100);
  });

  it('keeps an eighth of a small context free, 512 tokens of a large one, never more than an answer may have', () => {
    expect(reserveFor(1_024, null)).toBe(128);
    expect(reserveFor(8_192, null)).toBe(512);
    expect(reserveFor(8_192, 16)).toBe(16);
    expect(reserveFor(4, null)).toBe(1);
  });
});

// The prompt of a chat ------------------------------------------------------------------------------------

const message = (
  id: string,
  role: 'user' | 'assistant',
  text: string,
  over: Partial<PromptMessage> = {},
): PromptMessage => ({
  id,
  role,
  text,
  pinned: false,
  modelId: 'm',
  stats: null,
  settings: null,
  status: 'complete',
  ...over,
});
/** One token a letter, seven for the marks of the template around each. */
const byLetters: CountParts = async ({ systemPrompt, turns }) => ({
  system: systemPrompt.length,
  turns: turns.map(({ text }) => text.length),
  template: 7 * turns.length,
});
const input = (path: readonly PromptMessage[], over: Partial<PromptInput> = {}): PromptInput => ({
  systemPrompt: 'Be brief.',
  path,
  tail: [{ role: 'user', text: 'q'.repeat(40) }],
  maxTokens: null,
  reasoning: DEFAULT_REASONING,
  ...over,
});
const longChat = (length: number) =>
  Array.from({ length }, (_, index) =>
    message(`m${index}`, index % 2 ? 'assistant' : 'user', 'x'.repeat(100)),
  );
const madeWithout = (leftOut: string[]) =>
  ({ settings: { leftOut } as PromptMessage['settings'] }) as Partial<PromptMessage>;

describe('the prompt of a chat', () => {
  it('that fits is sent whole; the rows add up to the engine’s count', async () => {
    const planned = await planPrompt(input(longChat(4)), 1_024, byLetters);
    const preview = previewOf(planned, 1_024, null);
    expect(preview).toMatchObject({ leftOut: [], fits: true, asks: false, reserveTokens: 128 });
    expect(preview.counts?.promptTokens).toBe(9 + 400 + 40 + 35);
    expect(preview.counts?.parts).toEqual([
      { kind: 'system', messages: 0, tokens: 9 },
      { kind: 'messages', messages: 4, tokens: 400 },
      { kind: 'draft', messages: 1, tokens: 40 },
      { kind: 'template', messages: 0, tokens: 35 },
    ]);
  });

  it('that does not fit: what is shown as sent is what is sent, and its count is counted again', async () => {
    const path = longChat(20).map((one) => (one.id === 'm2' ? { ...one, pinned: true } : one));
    const planned = await planPrompt(input(path), 1_024, byLetters);
    const preview = previewOf(planned, 1_024, null);
    expect(preview).toMatchObject({ fits: true, asks: true, fitsWhole: false });
    expect(planned.leftOut).not.toContain('m2');
    expect(planned.leftOut).not.toContain('m3');
    expect(planned.leftOut.slice(0, 2)).toEqual(['m0', 'm1']);
    expect(planned.turns).toHaveLength(21 - planned.leftOut.length);
    const counted = await byLetters(planned);
    expect(preview.counts?.promptTokens).toBe(counted && totalOf(counted));
    expect(preview.counts?.parts.reduce((sum2, row) => sum2 + row.tokens, 0)).toBe(
      preview.counts?.promptTokens,
    );
    expect(preview.counts?.parts.map((row) => row.kind)).toEqual([
      'system',
      'pinned',
      'messages',
      'draft',
      'template',
    ]);
    expect(sentMessagesOf(planned)[0]).toEqual({ role: 'system', text: 'Be brief.' });
    expect(sentMessagesOf(planned)).toHaveLength(1 + planned.turns.length);
  });

  it('drops more when the recount is longer than the parts were', async () => {
    let calls = 0;
    const liar: CountParts = async (prompt) => {
      const counts = await byLetters(prompt);
      calls += 1;
      return counts && calls > 1 ? { ...counts, template: counts.template + 300 } : counts;
    };
    const planned = await planPrompt(input(longChat(20)), 1_024, liar);
    expect(planned.fits).toBe(true);
    expect(planned.counted && totalOf(planned.counted.kept)).toBeLessThanOrEqual(1_024 - 128);
  });

  it('what was left out before stays out without a question', async () => {
    const path = longChat(20);
    const first = await planPrompt(input(path), 1_024, byLetters);
    const next = path.map((one) => (one.id === 'm19' ? { ...one, ...madeWithout([...first.leftOut]) } : one));
    expect(leftOutBefore(next)).toEqual(first.leftOut);
    const second = await planPrompt(input(next), 1_024, byLetters);
    expect(second).toMatchObject({ asks: false, leftOut: first.leftOut });
  });

  it('is whole, and uncounted, where nothing can count', async () => {
    const planned = await planPrompt(input(longChat(20)), 1_024, async () => null);
    expect(planned).toMatchObject({ leftOut: [], counted: null });
    expect(planned.turns).toHaveLength(21);
    expect(previewOf(planned, 1_024, null).counts).toBeNull();
  });

  it('needs no count while the last answer says that there is room', () => {
    const stats: GenerationStats = { ...fullStats, contextTokens: 300 };
    const path = [...longChat(9), message('m9', 'assistant', 'x', { stats }), message('m10', 'user', 'next')];
    expect(fitsSurely(input(path), 'm', 1_024)).toBe(true);
    expect(fitsSurely(input(path), 'other', 1_024)).toBe(false);
    expect(fitsSurely(input(path), 'm', 480)).toBe(false);
  });
});

it('a thought is timed from its first chunk to the first of the answer, with the engine’s token count', () => {
  let now = 1_000;
  const meter = new ThoughtMeter(() => now);
  expect(meter.thought).toBeNull();
  meter.note('reasoning', 3);
  now = 2_500;
  meter.note('reasoning', 20);
  now = 3_000;
  meter.note('answer', 22);
  now = 9_000;
  meter.note('answer', 60);
  expect(meter.thought).toEqual({ ms: 2_000, tokens: 20 });
});
