import type { Token } from 'node-llama-cpp';
import { describe, expect, it } from 'vitest';
import { reachablePrefix, Sequences, type Live } from '../../src-main/engine/sidecar/sequences.ts';

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
});
