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

describe('the sequence for another branch of a chat', () => {
  const question = 'A question of some length';
  const asked = [{ role: 'user' as const, text: question }];
  const answered = (text: string) => [...asked, { role: 'assistant' as const, text }];
  const LEAST = 8;
  const COPY = 4;
  /** @param others texts of other sequences, those of other chats in the order of their use */
  const setUp = (answer: string, others: string[]) => {
    const own = sequence(question + answer);
    const rest = others.map((text) => sequence(text));
    const all = new Sequences([own, ...rest], () => ({ leastTokens: LEAST, copyTokens: () => COPY }));
    for (const [index, other] of rest.entries()) {
      if (other.nextTokenIndex === 0) continue;
      expect(all.take(other.contextTokens, `other ${index}`)).toBe(other);
      all.giveBack(other);
    }
    expect(all.take(own.contextTokens, 'own')).toBe(own);
    all.giveBack(own, null, answered(answer));
    return { own, rest, all };
  };
  const again = tokensOf(question);
  const seeker = { conversationId: 'own', turns: asked, mayCopy: true };

  it('is an empty one, copied from that of the first, which stays', async () => {
    const { own, rest, all } = setUp(' and its answer', ['']);
    expect(all.reachForBranch(again, seeker)).toBe(question.length);
    const choice = all.takeForBranch(again, seeker);
    expect(choice).toEqual({ sequence: rest[0], source: own });
    const copying = all.copy(choice, (source, draftAt) => {
      expect([source, draftAt]).toEqual([own, null]);
      return Promise.resolve(true);
    });
    expect(all.isCopying).toBe(true);
    expect(await copying).toBe(rest[0]);
    expect(all.isCopying).toBe(false);
    // The first branch goes on where it is.
    expect(all.take(own.contextTokens, 'own')).toBe(own);
  });

  it('is none where it is stopped meanwhile, and the first stays what it was', async () => {
    for (const isCopied of [true, false]) {
      const { own, rest, all } = setUp(' and its answer', ['']);
      const stop = new AbortController();
      const choice = all.takeForBranch(again, seeker);
      const copying = all.copy(
        choice,
        () => {
          stop.abort();
          return Promise.resolve(isCopied);
        },
        stop.signal,
      );
      expect(await copying).toBeNull();
      expect(all.inUse).toBe(0);
      expect(all.takeForBranch(again, seeker)).toEqual({ sequence: rest[0], source: own });
    }
  });

  it('is not copied where that would be larger than it may be', () => {
    const { own, all } = setUp(' and its answer', ['']);
    const within = { ...seeker, maxCopyTokens: own.nextTokenIndex };
    expect(all.takeForBranch(again, { ...within, maxCopyTokens: own.nextTokenIndex - 1 }).source).toBeNull();
    const other = setUp(' and its answer', ['']);
    expect(other.all.takeForBranch(again, within)).toEqual({ sequence: other.rest[0], source: other.own });
  });

  it('is that of the first where the copy fails', async () => {
    const { own, rest, all } = setUp(' and its answer', ['']);
    const choice = all.takeForBranch(again, seeker);
    expect(await all.copy(choice, () => Promise.reject(new Error('full')))).toBe(own);
    expect(all.take(tokensOf('New'))).toBe(rest[0]);
  });

  it.each([
    ['there is no other', ' and its answer', [], seeker],
    ['its answer is read again in no time', ' short', [''], seeker],
    [
      'it goes on from the answer',
      ' and its answer',
      [''],
      { ...seeker, turns: answered(' and its answer') },
    ],
    ['what the others hold is worth more', ' and its answer', ['Another chat and all that it says'], seeker],
    ['it must not be copied and reading costs more', ' and its answer', [''], { ...seeker, mayCopy: false }],
    ['it is of another chat', ' and its answer', [''], { ...seeker, conversationId: 'x' }],
  ])('is that of the first where %s', (_name, answer, others, asks) => {
    const { own, all } = setUp(answer, others);
    const text = asks.turns.map((turn) => turn.text).join('');
    expect(all.takeForBranch(tokensOf(text), asks)).toEqual({ sequence: own, source: null });
  });

  it('is that of another chat that is worth less', () => {
    const { own, rest, all } = setUp(' and its answer', ['Little']);
    expect(all.takeForBranch(again, seeker)).toEqual({ sequence: rest[0], source: own });
  });

  it('is an empty one, not copied, where little is common or all comes from the disk', () => {
    const { rest, all } = setUp(' and its answer', ['']);
    const edited = { ...seeker, turns: [{ role: 'user' as const, text: 'A b' }], mayCopy: false };
    expect(all.reachForBranch(tokensOf('A b'), edited)).toBe(0);
    expect(all.takeForBranch(tokensOf('A b'), edited)).toEqual({ sequence: rest[0], source: null });
    all.giveBack(rest[0] as Live);
    const other = setUp(' and its answer', ['']);
    const choice = other.all.takeForBranch(again, { ...seeker, isRestored: true });
    expect(choice).toEqual({ sequence: other.rest[0], source: null });
  });

  it('is given up before a chat that is held once', () => {
    const chat = sequence('Another chat and all of it');
    const first = sequence(`${question} one`);
    const second = sequence(`${question} two`);
    const all = new Sequences([chat, first, second]);
    for (const [held, id] of [
      [chat, 'other'],
      [first, 'own'],
      [second, 'own'],
    ] as const) {
      expect(all.take(held.contextTokens, id)).toBe(held);
      all.giveBack(held);
    }
    expect(all.take(tokensOf('New'), 'new')).toBe(first);
  });
});

describe('the sequence for a new chat that begins as another', () => {
  const system = 'A long system prompt that both have. ';
  const LEAST = 4;
  const seeker = {
    conversationId: 'new',
    turns: [{ role: 'user' as const, text: 'Hello' }],
    mayCopy: true,
    copyFrom: ['other'],
  };
  const asked = tokensOf(`${system}Hello`);
  const setUp = ({ copyTokens = 8 } = {}) => {
    const held = sequence(
      `${system}One and much more of it, so that it is not given up for the little they share`,
    );
    const empty = sequence('');
    const all = new Sequences([empty, held], () => ({ leastTokens: LEAST, copyTokens: () => copyTokens }));
    const other = { conversationId: 'other', turns: [{ role: 'user' as const, text: 'One' }] };
    expect(all.takeForBranch(held.contextTokens, other)).toEqual({ sequence: held, source: null });
    all.giveBack(held, null, other.turns);
    return { held, empty, all };
  };

  it('is copied from that one, which stays', async () => {
    const { held, empty, all } = setUp();
    expect(all.reachForBranch(asked, seeker)).toBe(system.length);
    const choice = all.takeForBranch(asked, seeker);
    expect(choice).toEqual({ sequence: empty, source: held, isOtherChat: true });
    expect(await all.copy(choice, () => Promise.resolve(true))).toBe(empty);
    expect(all.held()).toMatchObject([{ conversationId: 'other' }]);
    expect(all.take(held.contextTokens, 'other')).toBe(held);
  });

  it('is the empty one where the copy fails, and the other stays what it was', async () => {
    const { held, empty, all } = setUp();
    const choice = all.takeForBranch(asked, seeker);
    expect(await all.copy(choice, () => Promise.reject(new Error('full')))).toBe(empty);
    expect(all.take(held.contextTokens, 'other')).toBe(held);
    expect(() => all.take(asked)).toThrow();
  });

  it.each([
    ['that one must not be on the disk', {}, { ...seeker, copyFrom: ['third'] }],
    ['it must not be on the disk itself', {}, { ...seeker, mayCopy: false }],
    ['reading is no slower', { copyTokens: system.length - LEAST }, seeker],
    ['it comes from the disk', {}, { ...seeker, isRestored: true }],
    ['the copy would be larger than it may be', {}, { ...seeker, maxCopyTokens: 5 }],
  ])('is read where %s', (_name, other, asks) => {
    const { empty, all } = setUp(other);
    expect(all.takeForBranch(asked, asks)).toEqual({ sequence: empty, source: null });
  });

  it('is read where background work has left something else in that one', () => {
    const { held, empty, all } = setUp();
    all.take(tokensOf('x'), 'third');
    expect(all.takeInBackground(tokensOf(`${system}One and much more of it, so that it is`), 'fourth')).toBe(
      held,
    );
    all.giveBackFromBackground(held);
    all.giveBack(empty);
    expect(all.takeForBranch(asked, seeker).source).toBeNull();
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
