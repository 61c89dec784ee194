import { describe, expect, test } from 'vitest';
import { bestThreads, knownThreads, threadCandidates } from '../../src-main/engine/sidecar/tune.ts';

describe('threads that are tried', () => {
  test.each([
    { cores: 1, expected: [1] },
    { cores: 2, expected: [2, 1] },
    { cores: 4, expected: [4, 3, 2] },
    { cores: 8, expected: [8, 6, 4] },
    { cores: 0, expected: [1] },
  ])('$cores cores: $expected', ({ cores, expected }) => {
    expect(threadCandidates(cores)).toEqual(expected);
  });
});

describe('the number that is taken', () => {
  test.each([
    { name: 'the fastest', timed: { 8: 20, 6: 25, 4: 31 }, expected: 8 },
    { name: 'fewer, where all cores are slower', timed: { 8: 30, 6: 22, 4: 24 }, expected: 6 },
    { name: 'fewer, where more win next to nothing', timed: { 8: 20, 6: 20.3, 4: 24 }, expected: 6 },
    { name: 'one for a model whose threads wait for each other', timed: { 2: 15, 1: 0.7 }, expected: 1 },
    { name: 'none, where nothing was timed', timed: {}, expected: null },
  ])('$name', ({ timed, expected }) => {
    const entries = Object.entries(timed).map(([threads, ms]) => ({ threads: Number(threads), ms }));
    expect(bestThreads(entries)).toBe(expected);
    expect(bestThreads(entries.toReversed())).toBe(expected);
  });
});

describe('what is known without timing', () => {
  const large = { threads: null, measured: null, sizeBytes: 4e9, cores: 8 };
  test.each([
    { name: 'the number that is set', input: { ...large, threads: 3, measured: 6 }, expected: 3 },
    { name: 'the number that was found before', input: { ...large, measured: 6 }, expected: 6 },
    { name: 'one for a tiny model', input: { ...large, sizeBytes: 500_000 }, expected: 1 },
    { name: 'one on one core', input: { ...large, cores: 1 }, expected: 1 },
    { name: 'nothing else', input: large, expected: null },
  ])('$name', ({ input, expected }) => {
    expect(knownThreads(input)).toBe(expected);
  });
});
