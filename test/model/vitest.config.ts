import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// `npm run test:model`: what only real models show. Not part of `npm test`; each test names why it is skipped where
// the models cannot be had.
export default defineConfig({
  root: join(import.meta.dirname, '..', '..'),
  test: {
    name: 'model',
    include: ['test/model/**/*.test.ts'],
    // A real model on a busy machine, and pip before it.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // One engine at a time.
    fileParallelism: false,
  },
});
