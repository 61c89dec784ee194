import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TALLY_FILE_VARIABLE, type Tally } from './support/tally-reporter.ts';

// The whole suite: static checks, the build, then every test, the end-to-end specs on both hosts. Names what was
// skipped and what passed at the second attempt only, and prints one plain closing line.

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `This Node (${process.version}) is too old for the tools. Run "npm ci" first: it brings a newer one.`,
  );
  process.exit(1);
}

const binary = (name: string) =>
  join('node_modules', '.bin', process.platform === 'win32' ? `${name}.cmd` : name);

function run(name: string, args: string[], env: Record<string, string> = {}): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(binary(name), args, {
      stdio: 'inherit',
      shell: process.platform === 'win32',
      env: { ...process.env, ...env },
    });
    child.on('error', () => resolve(false));
    child.on('exit', (code) => resolve(code === 0));
  });
}

const checks: [label: string, tool: string, args: string[]][] = [
  ['format', 'prettier', ['--check', '--log-level', 'warn', '.']],
  ['lint', 'eslint', ['.', '--max-warnings', '0']],
  ['types: contract', 'tsc', ['-p', 'src-main/contract']],
  ['types: core', 'tsc', ['-p', 'src-main']],
  ['types: preload', 'tsc', ['-p', 'src-main/electron']],
  ['types: tests', 'tsc', ['-p', 'test']],
  [
    'types: renderer',
    'svelte-check',
    ['--tsconfig', 'src-renderer/tsconfig.json', '--fail-on-warnings', '--output', 'human'],
  ],
  ['build: renderer', 'vite', ['build', '--logLevel', 'warn']],
  ['build: core', 'vite', ['build', '--config', 'vite.main.config.ts', '--logLevel', 'warn']],
  ['build: preload', 'vite', ['build', '--config', 'vite.preload.config.ts', '--logLevel', 'warn']],
];

let passed = 0;
let failed = 0;
for (const [label, tool, args] of checks) {
  const startedAt = Date.now();
  const ok = await run(tool, args);
  if (ok) passed += 1;
  else failed += 1;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${label} (${((Date.now() - startedAt) / 1000).toFixed(1)} s)`);
}

const scratch = mkdtempSync(join(tmpdir(), 'leeward-test-'));
const tallyFile = join(scratch, 'tally.json');
const testsOk = await run(
  'vitest',
  ['run', '--reporter=default', '--reporter=./test/support/tally-reporter.ts'],
  { [TALLY_FILE_VARIABLE]: tallyFile },
);
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
