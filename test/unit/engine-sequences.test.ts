import type { Token } from 'node-llama-cpp';
import { describe, expect, it } from 'vitest';
import {
  MAX_BACKGROUND_LOSS,
  reachablePrefix,
  Sequences,
  type Live,
} from '../../src-main/engine/sidecar/sequences.ts';

const tokensOf = (text: string) => [...text].map((letter) => letter.charCodeAt(0) as Token);

/** A sequence that holds a text, a letter a token; `again` letters are read again for a way back. */
function sequence(text: string, again = 0): Live {
  const contextTokens = tokensOf(text);
  return {
    contextTokens,
    nextTokenIndex: contextTokens.length,
    needsCheckpoints: again > 0,
    stateCellsStartIndex: 0,
    model: { fileInsights: { swaSize: undefined } },
    getRestoreToPrefixIndexEvaluationSize: () => again,
  };
}

describe('reachablePrefix', () => {
  it.each([
    ['nothing in common', sequence('abc'), 'xyz', 0],
    ['all that it holds', sequence('abc', 9), 'abcdef', 3],
    ['a part', sequence('abcdef'), 'abcxyz', 3],
    ['a part behind a window', sequence('abcdef', 2), 'abcxyz', 1],
    ['a part far behind it', sequence('abcdef', 9), 'abcxyz', 0],
  ])('%s', (_name, live, text, expected) => {
    expect(reachablePrefix(live, tokensOf(text))).toBe(expected);
  });
});

describe('the sequence for a prompt', () => {
  const system = 'Be brief. ';
  const setUp = () => {
    const first = sequence(`${system}One and much more of it`);
    const second = sequence(`${system}Two and much more of it`);
    const empty = sequence('');
    return { first, second, empty, all: new Sequences([first, second, empty]) };
  };

  it('is the one that holds its chat', () => {
    const { second, all } = setUp();
    expect(all.take(tokensOf(`${system}Two and much more of it, and on`))).toBe(second);
  });

  it('is the one that was used longest ago for a new chat, not one that begins alike', () => {
    const { first, second, empty, all } = setUp();
    for (const text of ['One and much more of it', 'Two and much more of it'])
      all.giveBack(all.take(tokensOf(system + text)));
    expect(all.take(tokensOf(`${system}Three`))).toBe(empty);
    expect(all.take(tokensOf(`${system}Four`))).toBe(first);
    expect(all.take(tokensOf(`${system}Five`))).toBe(second);
    expect(() => all.take(tokensOf('x'))).toThrow();
  });

  it('is that of the conversation when an early message was changed', () => {
    const { second, all } = setUp();
    all.giveBack(all.take(tokensOf(`${system}Two and much more of it`), 'second'));
    expect(all.take(tokensOf(`${system}Two, said otherwise`), 'second')).toBe(second);
  });

  it('is told with what it would reuse', () => {
    const { all } = setUp();
    expect(all.reusable(tokensOf(`${system}Two and much more of it`))).toBe(system.length + 22);
    expect(all.reusable(tokensOf('Other'))).toBe(0);
  });

  it('is told with no more than what the one that is taken holds', () => {
    const { empty, all } = setUp();
    const prompt = tokensOf(`${system}Three`);
    for (const text of ['One and much more of it', 'Two and much more of it'])
      all.giveBack(all.take(tokensOf(system + text)));
    // Two begin with it, and neither is given up for it.
    expect(all.reusable(prompt)).toBe(0);
    expect(all.take(prompt)).toBe(empty);
    all.giveBack(empty);
    all.giveBack(all.take(tokensOf(`${system}Two and much more of it`), 'second'));
    const changed = tokensOf(`${system}Two, said otherwise`);
    expect([all.reusable(changed), all.reusable(changed, 'second')]).toEqual([
      system.length,
      system.length + 3,
    ]);
  });
});

describe('the sequence for work in the background', () => {
  const system = 'Be brief. ';
  const file = 'x'.repeat(2 * MAX_BACKGROUND_LOSS);
  const answered = (all: Sequences<Live>, text: string, id: string) =>
    all.giveBack(all.take(tokensOf(text), id));

  it('is another than that of a chat which would be cut, and then the first to be given up', () => {
    const own = sequence(`${system}${file}`);
    const empty = sequence('');
    const all = new Sequences([own, empty]);
    answered(all, `${system}${file}`, 'own');
    expect(all.takeInBackground(tokensOf(`${system}Title`), 'own')).toBe(empty);
    all.giveBackFromBackground(empty);
    expect(all.held()).toEqual([
      { conversationId: 'own', tokens: file.length + system.length, hasDraft: false },
    ]);
    expect(all.take(tokensOf('New'))).toBe(empty);
  });

  it('is that of the chat where most of it stays, and what follows is none of the chat', () => {
    const own = sequence(`${system}${file}`);
    const all = new Sequences([own, sequence('')]);
    answered(all, `${system}${file}`, 'own');
    expect(all.takeInBackground(tokensOf(`${system}${file.slice(5)}Title`), 'own')).toBe(own);
    all.giveBackFromBackground(own);
    const tokens = file.length + system.length - 5;
    expect(all.held()).toEqual([{ conversationId: 'own', tokens, hasDraft: true }]);
  });

  it('is none where the only one would be cut by more than a little', () => {
    const only = new Sequences([sequence(`${system}${file}`)]);
    answered(only, `${system}${file}`, 'own');
    expect(only.takeInBackground(tokensOf(`${system}Title`), 'own')).toBeNull();
    const short = sequence(`${system}One`);
    expect(new Sequences([short]).takeInBackground(tokensOf(`${system}Title`), 'own')).toBe(short);
  });
});
