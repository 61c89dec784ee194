import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

/** Names the file that the tally is written to. */
export const TALLY_FILE_VARIABLE = 'LEEWARD_TALLY_FILE';

/** What a run of the tests came to. Names are those of the project, the file and the test. */
export interface Tally {
  passed: number;
  failed: number;
  /** With the reason where the test gives one. */
  skipped: string[];
  /** Failed once and passed then. */
  atSecondAttempt: string[];
}

/** Counts modules that could not be run as failed tests. */
export function tallyOf(modules: readonly TestModule[]): Tally {
  const tally: Tally = { passed: 0, failed: 0, skipped: [], atSecondAttempt: [] };
  for (const module of modules) {
    const tests = [...module.children.allTests()];
    for (const test of tests) {
      const name = `${test.project.name}, ${module.relativeModuleId} > ${test.fullName}`;
      const result = test.result();
      if (result.state === 'passed') tally.passed += 1;
      else if (result.state === 'failed') tally.failed += 1;
      else if (result.state === 'skipped')
        tally.skipped.push(result.note === undefined ? name : `${name} (${result.note})`);
      if (test.diagnostic()?.flaky === true) tally.atSecondAttempt.push(name);
    }
    if (module.state() === 'failed' && !tests.some((test) => test.result().state === 'failed'))
      tally.failed += 1;
  }
  return tally;
}

/** Writes the tally for test/run.ts. */
export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const path = process.env[TALLY_FILE_VARIABLE];
    if (path !== undefined) writeFileSync(path, JSON.stringify(tallyOf(modules)));
  }
}
