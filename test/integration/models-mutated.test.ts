import { expect, test } from 'vitest';
import { run } from '../soak/soaks/gguf.ts';

test('broken files that the header reader accepts end in the real engine with an answer or a typed error', async () => {
  const { done, failures, figures } = await run({
    count: 40,
    seed: 3,
    log: () => {},
    deadline: Date.now() + 240_000,
    saved: null,
    save: () => {},
  });
  expect(failures).toEqual([]);
  expect(done).toBe(40);
  expect(figures['reader']).toHaveProperty('accepted');
}, 300_000);
