import { describe, expect, it } from 'vitest';
import { branchCosts, isOtherBranch, withAnswer } from '../../src-main/engine/sidecar/branches.ts';
import type { Turn } from '../../src-main/engine/sidecar/contract.ts';

const user = (text: string): Turn => ({ role: 'user', text });
const model = (text: string): Turn => ({ role: 'assistant', text });

describe('a prompt beside what is held', () => {
  const held = [user('a'), model('b')];
  it.each([
    ['goes on', [user('a'), model('b'), user('c')], false],
    ['goes on with an answer', [user('a'), model('b')], false],
    ['goes on, white space apart', [user('a'), model(' b\n'), user('c')], false],
    ['asks for another answer', [user('a')], true],
    ['has another answer', [user('a'), model('x'), user('c')], true],
    ['has another question', [user('x'), model('b')], true],
    ['has another speaker', [user('a'), user('b')], true],
  ])('%s', (_name, turns, isOther) => {
    expect(isOtherBranch(held, turns)).toBe(isOther);
  });

  it('is held with its answer', () => {
    expect(withAnswer([user('a')], 'b')).toEqual(held);
    expect(withAnswer([user('a')], '')).toEqual([user('a')]);
    expect(withAnswer([user('a'), model('b')], 'c')).toEqual([user('a'), model('bc')]);
  });
});

describe('what a branch costs', () => {
  it('is not known before anything was read', () => {
    expect(branchCosts({ msPerToken: null, bytesPerToken: 1 })).toBeNull();
  });

  it('is told in tokens, by the speed of reading', () => {
    const slow = branchCosts({ msPerToken: 50, bytesPerToken: 131_072 });
    const fast = branchCosts({ msPerToken: 0.5, bytesPerToken: 131_072 });
    expect([slow?.leastTokens, fast?.leastTokens]).toEqual([5, 500]);
    // Half a gigabyte takes a second.
    expect(slow?.copyTokens(4096)).toBeCloseTo((10 + 1073.7) / 50, 1);
    expect(fast?.copyTokens(4096)).toBeGreaterThan(2000);
  });

  it('has no copy where the size is not known', () => {
    expect(branchCosts({ msPerToken: 1, bytesPerToken: null })?.copyTokens(1)).toBe(Infinity);
  });
});
