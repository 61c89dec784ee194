import * as v from 'valibot';
import {
  BENCH_FORMAT,
  BENCH_FORMAT_VERSION,
  BenchFacts,
  Id,
  type BenchImport,
  type BenchRun,
} from '../contract/index.ts';

/** More is no file of runs that a person made. */
const MAX_RUNS = 1000;
const RunInFile = v.object({ id: Id, ...BenchFacts.entries });
const Head = v.object({ format: v.literal(BENCH_FORMAT), version: v.pipe(v.number(), v.integer()) });
const Runs = v.object({ runs: v.array(v.unknown()) });

/** A file of runs: figures, settings and environment as they are kept. Pure. @param now ms since 1970 */
export function benchFile(runs: readonly BenchRun[], now: number): { fileName: string; text: string } {
  const written = runs.map(({ imported: _imported, ...run }) => run);
  return {
    fileName: `leeward-benchmark-${new Date(now).toISOString().slice(0, 10)}.json`,
    text: `${JSON.stringify({ format: BENCH_FORMAT, version: BENCH_FORMAT_VERSION, runs: written }, null, 1)}\n`,
  };
}

/** The runs of a file, and what of it could not be used. Unknown fields are left out. Pure; never throws. */
export function readBenchFile(
  text: string,
): { problem: NonNullable<BenchImport['problem']> } | { runs: BenchRun[]; refused: BenchImport['refused'] } {
  const json = parse(text);
  if (json === undefined) return { problem: 'not_json' };
  const head = v.safeParse(Head, json);
  const list = v.safeParse(Runs, json);
  if (!head.success) return { problem: 'other_format' };
  if (head.output.version > BENCH_FORMAT_VERSION) return { problem: 'newer_version' };
  if (!list.success) return { problem: 'other_format' };
  if (list.output.runs.length > MAX_RUNS) return { problem: 'too_many' };
  const runs: BenchRun[] = [];
  const refused: BenchImport['refused'] = [];
  for (const [index, value] of list.output.runs.entries()) {
    const result = v.safeParse(RunInFile, value);
    if (result.success) runs.push({ imported: true, ...result.output });
    else {
      const field = result.issues[0] && v.getDotPath(result.issues[0]);
      refused.push({ place: index + 1, field: field ?? null });
    }
  }
  return { runs, refused };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
