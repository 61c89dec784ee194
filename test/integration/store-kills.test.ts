import { describe, expect, test } from 'vitest';
import { loadSoak, runSoak } from '../soak/runner.ts';
import { temporaryFolder } from '../support/store/fixtures.ts';

describe('a store that is killed', () => {
  // Fixed seeds; one that once failed is added here. The full count runs as `npm run soak -- store-kills`.
  test.each([1])(
    'keeps every acknowledged change over 5 kills, seed %i',
    { timeout: 120_000 },
    async (seed) => {
      const state = temporaryFolder();
      const lines: string[] = [];
      const report = await runSoak(await loadSoak('store-kills'), {
        count: 5,
        seed,
        log: (line) => lines.push(line),
        stateFolder: state.path,
      });
      state.dispose();
      expect(report.failures, lines.join('\n')).toEqual([]);
      expect(report).toMatchObject({ done: 5, finished: true, passed: true });
      expect(report.figures.rowsCompared).toBeGreaterThan(0);
      expect(report.figures.backupsChecked).toBeGreaterThan(0);
    },
  );
});
