import { propertyOf } from './guards.ts';
import { meetsTarget, type Figure } from './row.ts';

/** One line of the table of targets, and the figures that answer it. */
export interface Target {
  what: string;
  /** Name of the row's command. */
  row: string;
  /** Beginning of the figure's name that has the target; more than one figure may answer. */
  judged: string;
  /** What the app took, and what it is compared with, where these are figures of their own. */
  ours?: string;
  theirs?: string;
}

/** Every target of the engine, the page and the history, in the order in which they are promised. */
export const TARGETS: readonly Target[] = [
  { what: 'decode, greedy / llama-bench', row: 'decode', judged: 'greedy app / llama-bench', ours: 'app, greedy, contract call to last chunk', theirs: 'llama-bench tg' },
  { what: 'decode, default sampler / llama-bench', row: 'decode', judged: 'default sampler app / llama-bench', ours: 'app, default sampler, contract call to last chunk', theirs: 'llama-bench tg' },
  { what: 'prefill / llama-bench', row: 'prefill', judged: 'footer / llama-bench', ours: 'app, as its message footer says', theirs: 'llama-bench pp' },
  { what: 'follow-up / only the new tokens', row: 'turns', judged: 'follow-up / the library reading only its new tokens, as deep', ours: 'follow-up' },
  { what: 'another answer, decode steps', row: 'turns', judged: 'regenerate' },
  { what: 'return to a live chat, decode steps', row: 'turns', judged: 'return to another chat' },
  { what: 'switch to a chat on disk', row: 'resume', judged: 'from the disk / (', ours: 'from the disk', theirs: 'plain read of the state file' },
  { what: 'reopen after a restart / cold', row: 'resume', judged: 'reopened after a restart / cold', ours: 'reopened after a restart', theirs: 'cold' },
  { what: 'send after read-ahead / plain follow-up', row: 'turns', judged: 'sent after read-ahead / plain follow-up', ours: 'sent after read-ahead', theirs: 'follow-up' },
  { what: 'session of 40 turns / without reuse', row: 'session', judged: 'median turn, app / without reuse', ours: 'a turn, app', theirs: 'a turn, app without reuse' },
  { what: 'session of 40 turns / llama-server', row: 'session', judged: 'median turn, app / llama-server', ours: 'a turn, app', theirs: 'a turn, llama-server' },
  { what: 'copying with guesses, of the ceiling', row: 'speculation', judged: 'copy: of the ceiling', ours: 'copy, with guesses', theirs: 'copy, plain' },
  { what: 'nothing to copy, with guesses / plain', row: 'speculation', judged: 'nothing to copy: with guesses / plain', ours: 'fresh, with guesses', theirs: 'fresh, plain' },
  { what: 'memory of main and engine', row: 'memory', judged: 'Pss, main and engine, model loaded, messages opened' },
  { what: 'streaming: script, style, layout', row: 'renderer', judged: 'streaming at 50 tokens/s: script, style, layout' },
  { what: 'streaming: longest task', row: 'renderer', judged: 'streaming, longest task' },
  { what: 'streaming: 10,000 tokens before / 100', row: 'renderer', judged: 'script, style, layout with 10,000 tokens before / 100' },
  { what: 'memory predicted, error', row: 'fit', judged: '*: memory, error', ours: '*: memory predicted', theirs: '*: memory measured' },
  { what: 'decode speed predicted, error', row: 'fit', judged: '*: decode, error', ours: '*: decode predicted', theirs: '*: decode measured' },
  { what: 'search, 95th percentile', row: 'history', judged: 'search, 95th percentile' },
  { what: 'search, worst', row: 'history', judged: 'search, worst' },
  { what: 'other calls while a search runs, worst', row: 'history', judged: 'other calls meanwhile, worst' },
  { what: 'idle, main and engine', row: 'idle', judged: 'main and engine' },
  { what: 'idle, the page', row: 'idle', judged: 'the page’s main thread' },
]; // prettier-ignore

type Judged = Figure & { met?: boolean };

export interface SavedRow {
  measuredAt: string;
  figures: Judged[];
}

/** The figures of the rows that were measured, from the file that the rows are kept in. Its own writer made it. */
export function savedRow(rows: unknown, name: string): SavedRow | null {
  const row = propertyOf(rows, name);
  const figures = propertyOf(row, 'figures');
  const measuredAt = propertyOf(row, 'measuredAt');
  return Array.isArray(figures) && typeof measuredAt === 'string' ? { figures, measuredAt } : null;
}

const show = ({ median, unit }: Figure) =>
  unit === 'ratio' || unit.startsWith('share') ? median.toFixed(3) : `${median.toFixed(1)} ${unit}`;

const isNamed = (pattern: string, name: string) =>
  pattern.startsWith('*') ? name.endsWith(pattern.slice(1)) : name.startsWith(pattern);

/** Subject of a figure of a row that measures several: what stands before the pattern's own words. */
const subjectOf = (pattern: string, name: string) =>
  pattern.startsWith('*') ? name.slice(0, name.length - pattern.length + 1) : '';

function linesOf(target: Target, row: SavedRow | null): string[][] {
  const judged = row?.figures.filter(({ name, target: aim }) => aim && isNamed(target.judged, name)) ?? [];
  if (!row || judged.length === 0) return [[target.what, '', '', 'not measured', '', '', target.row]];
  return judged.map((figure) => {
    const subject = subjectOf(target.judged, figure.name);
    const beside = (pattern: string | undefined) => {
      if (pattern === undefined) return '';
      const found = row.figures.find(
        ({ name, target: aim }) => !aim && (subject === '' ? isNamed(pattern, name) : name === subject + pattern.slice(1)),
      );
      return found ? show(found) : '';
    };
    const aim = figure.target && 'atLeast' in figure.target ? `at least ${figure.target.atLeast}` : `at most ${figure.target?.atMost}`;
    return [
      subject === '' ? target.what : `${target.what} (${subject})`,
      ...[beside(target.ours), beside(target.theirs), show(figure), aim],
      meetsTarget(figure) ? 'met' : 'missed',
      `${target.row} ${row.measuredAt.slice(0, 16)}`,
    ];
  });
} // prettier-ignore

/** Every target with ours, theirs, the figure that is judged, and when it was measured. */
export function targetTable(rows: unknown): string {
  const header = ['target', 'ours', 'theirs', 'figure', 'wanted', '', 'row'];
  const lines = TARGETS.flatMap((target) => linesOf(target, savedRow(rows, target.row)));
  const widths = header.map((title, i) =>
    Math.max(title.length, ...lines.map((line) => line[i]?.length ?? 0)),
  );
  return [header, ...lines]
    .map((cells) => `  ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd())
    .join('\n');
}
