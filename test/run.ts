import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { TALLY_FILE_VARIABLE, type Tally } from './support/tally-reporter.ts';

// The whole suite: the build, then every test, the end-to-end specs on both hosts, with the static checks beside them.
// Names what was skipped and what passed at the second attempt only, and prints one plain closing line.

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `This Node (${process.version}) is too old for the tools. Run "npm ci" first: it brings a newer one.`,
  );
  process.exit(1);
}

const binary = (name: string) =>
  join('node_modules', '.bin', process.platform === 'win32' ? `${name}.cmd` : name);

/** The tests wait for timers and starts for a good part of their time, which the rest takes; they go first. */
function yieldTo(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It has ended, or the system has no priorities: it only takes longer.
  }
}

/** @param env added to ours; where it is left out what the tool prints is kept, so that two do not mix */
function run(
  name: string,
  args: string[],
  env?: Record<string, string>,
): Promise<{ ok: boolean; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(binary(name), args, {
      stdio: env ? 'inherit' : ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
      env: { ...process.env, ...env },
    });
    if (!env) yieldTo(child.pid);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.on('error', () => resolve({ ok: false, output }));
    child.on('close', (code) => resolve({ ok: code === 0, output }));
  });
}

interface Check {
  label: string;
  tool: string;
  args: string[];
}

const types = (zone: string, project: string): Check => ({
  label: `types: ${zone}`,
  tool: 'tsc',
  args: ['-p', project],
});
const build = (part: string, ...config: string[]): Check => ({
  label: `build: ${part}`,
  tool: 'vite',
  args: ['build', ...config, '--logLevel', 'warn'],
});

const builds: Check[] = [
  build('renderer'),
  build('core', '--config', 'vite.main.config.ts'),
  build('preload', '--config', 'vite.preload.config.ts'),
];
/** The longest first. */
const checks: Check[] = [
  { label: 'lint', tool: 'eslint', args: ['.', '--max-warnings', '0'] },
  {
    label: 'types: renderer',
    tool: 'svelte-check',
    args: ['--tsconfig', 'src-renderer/tsconfig.json', '--fail-on-warnings', '--output', 'human'],
  },
  types('tests', 'test'),
  { label: 'format', tool: 'prettier', args: ['--check', '--log-level', 'warn', '.'] },
  types('core', 'src-main'),
  types('contract', 'src-main/contract'),
  types('preload', 'src-main/electron'),
];

let passed = 0;
let failed = 0;
async function runChecks(queue: Check[]): Promise<void> {
  for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
    const { label, tool, args } = check;
    const startedAt = Date.now();
    const { ok, output } = await run(tool, args);
    if (ok) passed += 1;
    else failed += 1;
    console.log(
      `${output}${ok ? 'ok  ' : 'FAIL'} ${label} (${((Date.now() - startedAt) / 1000).toFixed(1)} s)`,
    );
  }
}
await Promise.all(builds.map((each) => runChecks([each])));

const scratch = mkdtempSync(join(tmpdir(), 'leeward-test-'));
const tallyFile = join(scratch, 'tally.json');
const [{ ok: testsOk }] = await Promise.all([
  run('vitest', ['run', '--reporter=default', '--reporter=./test/support/tally-reporter.ts'], {
    [TALLY_FILE_VARIABLE]: tallyFile,
  }),
  runChecks(checks),
]);
let tally: Tally = { passed: 0, failed: 1, skipped: [], atSecondAttempt: [] };
try {
  tally = JSON.parse(readFileSync(tallyFile, 'utf8')) as Tally;
} catch {
  // vitest did not come to its end.
}
passed += tally.passed;
failed += tally.failed;
// An error between two tests fails the run without a failed test.
if (!testsOk && failed === 0) failed += 1;
rmSync(scratch, { recursive: true, force: true });
for (const name of tally.skipped) console.log(`skipped: ${name}`);
for (const name of tally.atSecondAttempt) console.log(`passed at the second attempt: ${name}`);
console.log(`${passed} passed, ${failed} failed, ${tally.skipped.length} skipped`);
process.exit(failed === 0 ? 0 : 1);
