import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { TALLY_FILE_VARIABLE } from '../support/tally-reporter.ts';

const SUPPORT = join(import.meta.dirname, '..', 'support');
const VITEST = join(import.meta.dirname, '..', '..', 'node_modules', 'vitest', 'vitest.mjs');

it('the tally of a run counts what failed and names what was skipped or needed a second attempt', async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'leeward-tally-'));
  const file = join(scratch, 'tally.json');
  // Without what the vitest that runs this test tells its workers.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^VITEST/.test(name)));
  const code = await new Promise((resolve) =>
    execFile(
      process.execPath,
      [
        VITEST,
        'run',
        '--config',
        join(SUPPORT, 'tally', 'vitest.config.ts'),
        `--reporter=${join(SUPPORT, 'tally-reporter.ts')}`,
      ],
      { env: { ...env, [TALLY_FILE_VARIABLE]: file } },
      (error) => resolve(error?.code ?? 0),
    ),
  );
  expect(code).toBe(1);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
    passed: 2,
    // One test, and one file that does not load.
    failed: 2,
    skipped: [
      'sample, ends.sample.ts > ends > gives a reason (not on this machine)',
      'sample, ends.sample.ts > ends > is skipped before it runs',
    ],
    atSecondAttempt: ['sample, ends.sample.ts > ends > passes the second time'],
  });
  rmSync(scratch, { recursive: true, force: true });
});
