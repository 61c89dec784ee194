import { statSync } from 'node:fs';
import type { LlamaContextSequence, Token } from 'node-llama-cpp';
import { afterEach, describe, expect, test } from 'vitest';
import type { Turn } from '../../src-main/engine/sidecar/contract.ts';
import { divergence, ExactEngine, type Step } from '../support/probabilities.ts';
import { needModel, tell } from './kit.ts';

// A quantized model rounds otherwise in batches of another size, and each layer carries it on: what was read in pieces
// is never quite what is read as a whole. Reuse may be as far from a whole reading as plain readings in other pieces
// are from it, and no further; a single wrong token is.

const files = { chat: await needModel('chat'), windowed: await needModel('windowed') };

/** Sizes of pieces in which the same tokens are read plainly. */
const PIECES = [1, 5, 16, 48];
/** Of the worst of them. */
const MARGIN = 2;
const ANSWER_TOKENS = 24;

let engine: ExactEngine | null = null;
afterEach(async () => {
  await engine?.close();
  engine = null;
});

/** Probabilities after the last of `tokens`, whose beginning the sequence holds. */
async function stepAfter(sequence: LlamaContextSequence, tokens: readonly Token[]): Promise<Step> {
  const options = { temperature: 0, topK: 0, topP: 1, minP: 0 };
  const iterator = sequence.evaluateWithMetadata(tokens.slice(-1), { probabilities: true }, options);
  const { value, done } = await iterator.next();
  await iterator.return();
  if (done === true) throw new Error('it ended');
  return value.probabilities;
}

async function readInPieces(
  sequence: LlamaContextSequence,
  tokens: readonly Token[],
  size: number,
): Promise<Step> {
  await sequence.clearHistory();
  for (let at = 0; at < tokens.length - 1; at += size)
    await sequence.evaluateWithoutGeneratingNewTokens(
      tokens.slice(at, Math.min(at + size, tokens.length - 1)),
    );
  return stepAfter(sequence, tokens);
}

/** Three turns, each on top of what the one before left. */
async function reuse(on: ExactEngine): Promise<{ tokens: Token[]; step: Step }> {
  const turns: Turn[] = [];
  for (const text of ['What is the capital of France?', 'Name three things to see there.', 'And why?']) {
    turns.push({ role: 'user', text });
    const isLast = text === 'And why?';
    const answer = await on.answer(turns, {
      conversationId: 'chat',
      maxTokens: isLast ? 1 : ANSWER_TOKENS,
    });
    turns.push({ role: 'assistant', text: answer.text });
    if (!isLast) continue;
    expect(answer.stats.reusedFrom).toBe('live');
    const tokens = answer.sequence.contextTokens.slice(0, answer.stats.promptTokens);
    await answer.sequence.adaptStateToTokens(tokens.slice(0, -1), false);
    return { tokens, step: await stepAfter(answer.sequence, tokens) };
  }
  throw new RangeError('no turns');
}

describe.each([
  ['chat', 'auto'],
  ['windowed', 'auto'],
  ['windowed', 'window'],
] as const)('the %s model, window cache %s', (name, windowCache) => {
  test('reuse rounds as reading in other pieces does', async () => {
    const { path } = files[name];
    engine = await ExactEngine.load(
      { path, sizeBytes: statSync(path).size },
      { windowCache, speculation: 'off', sequences: 1 },
    );
    const { tokens, step } = await reuse(engine);
    const plain = await engine.fresh();
    const whole = await readInPieces(plain, tokens, tokens.length);
    let noise = 0;
    for (const size of PIECES)
      noise = Math.max(noise, divergence(whole, await readInPieces(plain, tokens, size)));
    const reused = divergence(whole, step);
    const middle = tokens.length >> 1;
    const [first] = tokens;
    const planted = tokens.map((token, index) => (index === middle && first !== undefined ? first : token));
    const wrong = divergence(whole, await readInPieces(plain, planted, planted.length));
    tell(`rounding, ${name}, ${windowCache}`, {
      tokens: tokens.length,
      klOfReuse: reused.toExponential(1),
      klOfOtherPieces: noise.toExponential(1),
      klOfOneWrongToken: wrong.toExponential(1),
    });
    expect(reused).toBeLessThanOrEqual(MARGIN * noise);
    expect(wrong).toBeGreaterThan(MARGIN * noise);
  });
});
