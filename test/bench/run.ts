// npm run bench [-- ROW ...] [--json FILE] [--fresh]; -- --targets prints the table of targets from the last figures.
// Each row is resumable (--fresh forgets unfinished rounds) and ends within ten minutes; figures are ratios measured side by side in one run.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { benchFolder } from './llama-cpp.ts';
import { propertyOf } from './guards.ts';
import { RoundStore, RowUnfinished } from './rounds.ts';
import { meetsTarget } from './row.ts';
import type { BenchRow, Figure } from './row.ts';
import { figureTable } from './table.ts';
import { targetTable } from './targets.ts';

// Alone in its library a model is what was measured before there was a guide.
process.env['LEEWARD_GUIDE_FILE'] ??= '';

const ROWS: Record<string, () => Promise<{ row: BenchRow }>> = {
  'decode-threadpool': () => import('./rows/decode-threadpool.ts'),
  'state-save-load': () => import('./rows/state-save-load.ts'),
  decode: () => import('./rows/decode.ts'),
  prefill: () => import('./rows/prefill.ts'),
  turns: () => import('./rows/turns.ts'),
  resume: () => import('./rows/resume.ts'),
  session: () => import('./rows/session.ts'),
  'session-large': async () => ({ row: (await import('./rows/session.ts')).largeRow }),
  speculation: () => import('./rows/speculation.ts'),
  fit: () => import('./rows/fit.ts'),
  download: () => import('./rows/download.ts'),
  history: () => import('./rows/history.ts'),
  renderer: () => import('./rows/renderer.ts'),
  memory: () => import('./rows/memory.ts'),
  start: () => import('./rows/start.ts'),
  idle: () => import('./rows/idle.ts'),
};

/** Above this share of the cores, other work makes the ratios noisy and single rounds worthless. */
const BUSY_SHARE = 0.25;

interface RowReport {
  row: string;
  title: string;
  measuredAt: string;
  seconds: number;
  /** The system's load average of one minute when the row began; always 0 on Windows. */
  loadBefore: number;
  conditions: Record<string, string | number>;
  figures: (Figure & { met?: boolean })[];
}

async function savedRows(file: string): Promise<Record<string, unknown>> {
  try {
    const saved: unknown = propertyOf(JSON.parse(await readFile(file, 'utf8')), 'rows');
    return typeof saved === 'object' && saved !== null ? { ...saved } : {};
  } catch {
    // No file yet.
    return {};
  }
}

/** Adds a report to the JSON file; an older one of the same row is replaced, others stay. */
async function save(file: string, report: RowReport): Promise<void> {
  const rows = await savedRows(file);
  const machine = {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    platform: `${process.platform}-${process.arch}`,
  };
  await mkdir(dirname(file), { recursive: true });
  await writeFile(
    `${file}.new`,
    `${JSON.stringify({ machine, rows: { ...rows, [report.row]: report } }, null, 2)}\n`,
  );
  await rename(`${file}.new`, file);
}

/** Runs one row. @returns false when it has rounds left for another run */
async function runRow(name: string, load: () => Promise<{ row: BenchRow }>, json: string): Promise<boolean> {
  const folder = benchFolder();
  await mkdir(folder, { recursive: true });
  const { row } = await load();
  const report = (line: string): void => void process.stderr.write(`  ${line}\n`);
  process.stderr.write(`${name}: ${row.title}\n`);
  const store = new RoundStore(folder, name);
  const startedAt = performance.now();
  const loadBefore = loadavg()[0] ?? 0;
  if (loadBefore > BUSY_SHARE * availableParallelism())
    report(`the machine is busy (load ${loadBefore.toFixed(1)}): the figures will be noisy`);
  try {
    const { figures, conditions } = await row.measure({
      folder,
      report,
      rounds: (count, given, measure) => store.run(count, given, measure, report),
    });
    const judged = figures.map((figure) => {
      const met = meetsTarget(figure);
      return met === undefined ? figure : { ...figure, met };
    });
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    const measuredAt = new Date().toISOString();
    await save(json, {
      row: name,
      title: row.title,
      measuredAt,
      seconds,
      loadBefore,
      conditions,
      figures: judged,
    });
    await store.finish();
    process.stdout.write(`\n${name}: ${row.title}\n${figureTable(judged)}\n`);
    return true;
  } catch (error) {
    if (!(error instanceof RowUnfinished)) throw error;
    report(error.message);
    return false;
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      json: { type: 'string' },
      list: { type: 'boolean', default: false },
      fresh: { type: 'boolean', default: false },
      targets: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  if (values.list) return void process.stdout.write(`${Object.keys(ROWS).join('\n')}\n`);
  const json = resolve(values.json ?? join(benchFolder(), 'figures.json'));
  const printTargets = async () =>
    process.stdout.write(
      `\nTargets, by the newest figures of each row:\n${targetTable(await savedRows(json))}\n`,
    );
  if (values.targets) return void (await printTargets());
  let isComplete = true;
  for (const name of positionals.length > 0 ? positionals : Object.keys(ROWS)) {
    const load = ROWS[name];
    if (!load) throw new Error(`no row ${name}; there are ${Object.keys(ROWS).join(', ')}`);
    if (values.fresh) await new RoundStore(benchFolder(), name).finish();
    isComplete = (await runRow(name, load, json)) && isComplete;
  }
  if (positionals.length === 0) await printTargets();
  process.stdout.write(`\nFigures: ${json}\n`);
  if (!isComplete) process.exitCode = 75;
}

await main();
