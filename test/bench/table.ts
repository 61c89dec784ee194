import type { Figure } from './row.ts';

function format(value: number, unit: string): string {
  if (unit === 'ratio') return value.toFixed(3);
  if (unit === 'share of a core') return value.toFixed(4);
  if (unit === 'bytes') return Math.round(value).toLocaleString('en-GB');
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(1);
}

function targetText(figure: Figure & { met?: boolean }): string {
  if (!figure.target) return '';
  const text =
    'atLeast' in figure.target ? `at least ${figure.target.atLeast}` : `at most ${figure.target.atMost}`;
  return `${text}: ${figure.met ? 'met' : 'missed'}`;
}

/** A plain table: median, interval of the median, whole range, number of samples, target. */
export function figureTable(figures: readonly (Figure & { met?: boolean })[]): string {
  const header = ['figure', 'median', 'unit', 'interval', 'range', 'n', 'target'];
  const lines = figures.map((figure) => {
    const show = (value: number) => format(value, figure.unit);
    return [
      figure.name,
      show(figure.median),
      figure.unit,
      `${show(figure.low)} to ${show(figure.high)} (${Math.floor(figure.coverage * 100)} %)`,
      `${show(figure.min)} to ${show(figure.max)}`,
      String(figure.samples),
      targetText(figure),
    ];
  });
  const widths = header.map((title, i) =>
    Math.max(title.length, ...lines.map((line) => line[i]?.length ?? 0)),
  );
  const render = (cells: string[]) =>
    `  ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd();
  return [render(header), ...lines.map(render)].join('\n');
}
