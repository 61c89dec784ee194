import { describe, expect, it } from 'vitest';
import { LiveAnswer, type Chunk } from '../../src-renderer/state/live-answer.svelte.ts';

const chunk = (seq: number, text: string, kind: Chunk['kind'] = 'answer'): Chunk => ({
  type: 'message.chunk',
  conversationId: 'c',
  messageId: 'm',
  seq,
  kind,
  text,
});

describe('LiveAnswer', () => {
  it('shows chunks only at a commit, answer and reasoning apart', () => {
    const answer = new LiveAnswer('m');
    answer.accept(chunk(1, 'Let me ', 'reasoning'));
    answer.accept(chunk(2, 'think.', 'reasoning'));
    answer.accept(chunk(3, 'Yes.'));
    expect(answer.text).toBe('');
    answer.commit();
    expect(answer.reasoning).toBe('Let me think.');
    expect(answer.text).toBe('Yes.');
    answer.commit();
    expect(answer.text).toBe('Yes.');
  });

  it('ignores chunks that it has already', () => {
    const answer = new LiveAnswer('m');
    answer.adopt({ text: 'One two ', reasoning: '', chunkSeq: 2 });
    expect(answer.accept(chunk(1, 'One '))).toBe(true);
    expect(answer.accept(chunk(2, 'two '))).toBe(true);
    expect(answer.accept(chunk(3, 'three'))).toBe(true);
    answer.commit();
    expect(answer.text).toBe('One two three');
  });

  it('reports a hole, keeps what came after it and goes on when the hole is fetched', () => {
    const answer = new LiveAnswer('m');
    expect(answer.accept(chunk(1, 'a'))).toBe(true);
    expect(answer.accept(chunk(3, 'c'))).toBe(false);
    expect(answer.accept(chunk(4, 'd'))).toBe(false);
    answer.commit();
    expect(answer.text).toBe('a');
    // The fetch saw chunk 3 as well, so the kept one must not show twice.
    answer.adopt({ text: 'abc', reasoning: '', chunkSeq: 3 });
    answer.commit();
    expect(answer.text).toBe('abcd');
  });

  it('does not go back to a fetch that is older than what has arrived', () => {
    const answer = new LiveAnswer('m');
    answer.accept(chunk(1, 'a'));
    answer.accept(chunk(2, 'b'));
    answer.adopt({ text: 'a', reasoning: '', chunkSeq: 1 });
    answer.commit();
    expect(answer.text).toBe('ab');
  });

  it('measures how long the thinking took', () => {
    let now = 1_000;
    const answer = new LiveAnswer('m', () => now);
    answer.accept(chunk(1, 'hm', 'reasoning'));
    now = 4_500;
    answer.accept(chunk(2, 'Yes'));
    now = 9_000;
    answer.accept(chunk(3, '.'));
    expect([answer.reasoningStartedAt, answer.reasoningEndedAt]).toEqual([1_000, 4_500]);
  });

  it('any order and repetition of chunks with a final fetch gives the whole text', () => {
    const words = ['one ', 'two ', 'three ', 'four ', 'five'];
    const orders = [
      [5, 4, 3, 2, 1],
      [1, 3, 2, 5, 4],
      [2, 2, 1, 1, 5, 3, 4],
    ];
    for (const order of orders) {
      const answer = new LiveAnswer('m');
      for (const seq of order) {
        const complete = answer.accept(chunk(seq, words[seq - 1] ?? ''));
        if (!complete) answer.adopt({ text: words.slice(0, seq).join(''), reasoning: '', chunkSeq: seq });
      }
      answer.adopt({ text: words.join(''), reasoning: '', chunkSeq: words.length });
      answer.commit();
      expect(answer.text).toBe(words.join(''));
    }
  });
});
