import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Soak, SoakResult } from './soak.ts';

const soaksFolder = fileURLToPath(new URL('./soaks/', import.meta.url));
const stateFolder = fileURLToPath(new URL('../../.cache/soak/', import.meta.url));

/** A run ends by itself before ten minutes; the rest is for the last step and the report. */
export const RUN_MS = 9 * 60_000;

export interface SoakArguments {
  name: string;
  count: number | null;
  seed: number | null;
  json: string | null;
}

export interface SoakReport extends SoakResult {
  soak: string;
  seed: number;
  count: number;
  /** False when time ran out first: the same command goes on. */
  finished: boolean;
  passed: boolean;
  startedAt: string;
  /** Of this run only. */
  wallMs: number;
  machine: { platform: string; processor: string; cores: number; node: string };
}

/** Names of the soaks there are. */
export function soakNames(): string[] {
  return readdirSync(soaksFolder)
    .filter((name) => name.endsWith('.ts'))
    .map((name) => name.slice(0, -'.ts'.length))
    .sort();
}

function positive(value: string | undefined, name: string): number | null {
  if (value === undefined) return null;
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1) throw new Error(`--${name} takes a whole number from 1.`);
  return number;
}

/** Reads `NAME [--count N] [--seed S] [--json FILE]`. @throws Error with a sentence for a person */
export function parseSoakArguments(args: readonly string[]): SoakArguments {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { count: { type: 'string' }, seed: { type: 'string' }, json: { type: 'string' } },
  });
  const [name, ...rest] = positionals;
  if (name === undefined || rest.length > 0 || !soakNames().includes(name)) {
    throw new Error(`Name one soak: ${soakNames().join(', ')}.`);
  }
  return {
    name,
    count: positive(values.count, 'count'),
    seed: positive(values.seed, 'seed'),
    json: values.json ?? null,
  };
}

function isSoak(module: unknown): module is Soak {
  return (
    typeof module === 'object' &&
    module !== null &&
    'name' in module &&
    'defaultCount' in module &&
    'run' in module &&
    typeof module.run === 'function'
  );
}

/** Loads a soak module by name. */
export async function loadSoak(name: string): Promise<Soak> {
  const module: unknown = await import(pathToFileURL(join(soaksFolder, `${name}.ts`)).href);
  if (!isSoak(module) || module.name !== name) throw new Error(`${name}.ts is no soak of that name.`);
  return module;
}

function writeWhole(file: string, value: unknown): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.part`, JSON.stringify(value, null, 2));
  renameSync(`${file}.part`, file);
}

function readSaved(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

/** A soak may end with a throw: that is a failure like those it lists. */
function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/**
 * Runs a soak, from where an unfinished run with the same seed and count stopped.
 * @param options.stateFolder where progress is kept between runs
 */
export async function runSoak(
  soak: Soak,
  options: {
    count?: number | null;
    seed?: number | null;
    log?: (line: string) => void;
    runMs?: number;
    stateFolder?: string;
  } = {},
): Promise<SoakReport> {
  const startedAt = Date.now();
  const count = options.count ?? soak.defaultCount;
  const seed = options.seed ?? (startedAt % 1_000_000) + 1;
  const print = options.log ?? ((line) => console.log(line));
  const log = (line: string) =>
    print(`${((Date.now() - startedAt) / 1_000).toFixed(1).padStart(6)} s  ${line}`);
  const stateFile = join(options.stateFolder ?? stateFolder, `${soak.name}-${count}-${seed}.json`);
  const saved = readSaved(stateFile);

  log(`${soak.name}: ${count} times, seed ${seed}${saved === null ? '' : ', going on'}`);
  const result = await soak
    .run({
      count,
      seed,
      log,
      deadline: startedAt + (options.runMs ?? RUN_MS),
      saved,
      save: (progress) => writeWhole(stateFile, progress),
    })
    .catch((error: unknown): SoakResult => ({ done: 0, failures: [textOf(error)], figures: {} }));
  const finished = result.done >= count;
  if (finished) rmSync(stateFile, { force: true });
  const cpu = cpus();
  return {
    soak: soak.name,
    seed,
    count,
    finished,
    passed: finished && result.failures.length === 0,
    startedAt: new Date(startedAt).toISOString(),
    wallMs: Date.now() - startedAt,
    machine: {
      platform: `${process.platform}-${process.arch}`,
      processor: cpu[0]?.model.trim() ?? '',
      cores: cpu.length,
      node: process.version,
    },
    ...result,
  };
}

const ExitCode = { passed: 0, failed: 1, usage: 2, unfinished: 3 };

/** What `npm run soak` does. Returns the exit code: 0 passed, 1 failed, 2 wrong arguments, 3 run it again. */
export async function main(args: readonly string[]): Promise<number> {
  let parsed: SoakArguments;
  try {
    parsed = parseSoakArguments(args);
  } catch (error) {
    console.error(`npm run soak -- NAME [--count N] [--seed S] [--json FILE]\n${String(error)}`);
    return ExitCode.usage;
  }
  const report = await runSoak(await loadSoak(parsed.name), parsed);
  if (parsed.json !== null) writeWhole(parsed.json, report);
  console.log(JSON.stringify(report.figures, null, 2));
  for (const failure of report.failures) console.error(`FAILED  ${failure}`);
  if (report.failures.length > 0) return ExitCode.failed;
  if (!report.finished) {
    console.log(
      `Not finished: ${report.done} of ${report.count}. To go on: --count ${report.count} --seed ${report.seed}`,
    );
    return ExitCode.unfinished;
  }
  console.log(`Passed: ${report.done} of ${report.count}, seed ${report.seed}.`);
  return ExitCode.passed;
}
