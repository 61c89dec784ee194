import { describe, expect, test } from 'vitest';

describe('ends', () => {
  test('passes', () => {
    expect(1).toBe(1);
  });

  let attempts = 0;
  test('passes the second time', () => {
    attempts += 1;
    expect(attempts).toBe(2);
  });

  test('fails twice', () => {
    expect(1).toBe(2);
  });

  test('gives a reason', ({ skip }) => {
    skip('not on this machine');
  });

  test.skipIf(true)('is skipped before it runs', () => {
    expect(1).toBe(2);
  });
});
