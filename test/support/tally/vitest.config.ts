import { defineConfig } from 'vitest/config';

// For test/integration/tally.test.ts: tests that end in each way that the tally tells apart.
export default defineConfig({
  root: import.meta.dirname,
  test: { projects: [{ test: { name: 'sample', include: ['*.sample.ts'], retry: 1 } }] },
});
