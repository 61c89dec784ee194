import { afterEach, describe, expect, test } from 'vitest';
import type { Message } from '../../src-main/contract/index.ts';
import type { TestCore } from '../support/core.ts';
import { ask, askAgain, needModel, open, type Real } from './kit.ts';

// The likeliest words of a real chat model are the same on every way that reuses what was read: live, after other chats,
// from the disk, after a restart, read ahead, with guesses. They are not those of an empty engine that reads the whole
// chat anew: a quantized model rounds an answer's tokens otherwise when they are read in one batch than when they were
// said one by one, and words that are all but equally likely change places. By how much, and that reuse adds nothing to
// it, is shown by probabilities in rounding.test.ts.

const file = await needModel('chat');

/** The last one has much to copy: guesses are made there. */
const QUESTIONS = [
  'Describe a harbour at dawn in a few sentences.',
  'Name three things that a sailor carries, and say why.',
  'Repeat your first answer word for word.',
];

/** A computer that is busy with other work reads in other pieces, since their size follows the measured speed. */
const RETRIES = 1;

const cores: TestCore[] = [];
let expected: Promise<string[]> | null = null;
afterEach(async () => {
  for (const core of cores.splice(0).reverse()) await core.close();
  expected = null;
});

async function opened(options: Parameters<typeof open>[1] = {}): Promise<Real> {
  const real = await open(file, options);
  cores.push(real.core);
  return real;
}

interface Step {
  /** May be put in place of the app that was. */
  real: Real;
  conversationId: string | null;
  index: number;
}

/** Asks all questions; `before` each is done what must change nothing. */
async function talk(real: Real, before: (step: Step) => Promise<void> = async () => {}) {
  const messages: Message[] = [];
  const step: Step = { real, conversationId: null, index: 0 };
  for (const question of QUESTIONS) {
    await before(step);
    const answer = await ask(step.real, step.conversationId, question);
    step.conversationId = answer.conversationId;
    step.index += 1;
    messages.push(answer.message);
  }
  return { real: step.real, conversationId: step.conversationId ?? '', messages };
}

/** What it says in one chat that nothing comes between, guesses off. */
function plainTexts(): Promise<string[]> {
  return (expected ??= (async () => {
    const { messages } = await talk(await opened({ speculation: 'off' }));
    expect(sourcesOf(messages)).toEqual([null, 'live', 'live']);
    return textsOf(messages);
  })());
}

const textsOf = (messages: readonly Message[]) => messages.map(({ text }) => text);
const sourcesOf = (messages: readonly Message[]) => messages.map(({ stats }) => stats?.reusedFrom);

describe('says the same words', { retry: RETRIES }, () => {
  test('when it answers again', async () => {
    const { real, conversationId, messages } = await talk(await opened());
    expect(textsOf(messages)).toEqual(await plainTexts());
    const last = messages.at(-1);
    const again = await askAgain(real, conversationId, last?.id ?? '');
    expect(again.message.stats?.readTokens).toBe(1);
    expect(again.message.text).toBe(last?.text);
  });

  test('after a switch to other chats and back, in memory', async () => {
    const { messages } = await talk(await opened(), async ({ real, index }) => {
      if (index > 0) await ask(real, null, `What is a compass, reader ${index}?`);
    });
    expect(sourcesOf(messages)).toEqual([null, 'live', 'live']);
    expect(textsOf(messages)).toEqual(await plainTexts());
  });

  test('when other chats took the memory and it comes from the disk', async () => {
    const { messages } = await talk(await opened(), async ({ real, index }) => {
      if (index === 0) return;
      for (const word of ['compass', 'sextant', 'lead line', 'log'])
        await ask(real, null, `${word}: what is it, and who used it in year ${1700 + index}?`);
    });
    expect(sourcesOf(messages)).toEqual([null, 'disk', 'disk']);
    expect(textsOf(messages)).toEqual(await plainTexts());
  });

  test('after each restart of the app', async () => {
    const { messages } = await talk(await opened(), async (step) => {
      if (step.index === 0) return;
      await step.real.core.app.close();
      step.real = await opened({ reuse: step.real.core });
    });
    expect(sourcesOf(messages)).toEqual([null, 'disk', 'disk']);
    expect(textsOf(messages)).toEqual(await plainTexts());
  });

  test('with reading ahead while the message is written', async () => {
    const { messages } = await talk(
      await opened({ settings: { readAhead: true } }),
      async ({ real, conversationId, index }) => {
        const question = QUESTIONS[index] ?? '';
        for (const part of [0.4, 0.7, 1]) {
          const draft = question.slice(0, question.length * part);
          await real.core.client.context.readAhead({ id: conversationId, draft });
        }
      },
    );
    for (const { stats } of messages) expect(stats?.reusedTokens).toBeGreaterThan(0);
    expect(textsOf(messages)).toEqual(await plainTexts());
  });

  test('with guesses and without', async () => {
    const { messages } = await talk(await opened());
    expect(messages.at(-1)?.stats?.guessedTokens).toBeGreaterThan(0);
    expect(textsOf(messages)).toEqual(await plainTexts());
  });
});
