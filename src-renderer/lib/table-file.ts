/** A cell of a table as it is exported: a number keeps all its digits. */
export type Cell = string | number | boolean | null;

/** A program that opens the file would run a text that begins like this as a formula. */
const FORMULA = /^[=+\-@\t\r]/u;

function csvCell(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell !== 'string') return String(cell);
  const text = FORMULA.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A table as CSV (RFC 4180), numbers with a point. */
export function csvOf(head: readonly string[], rows: Iterable<readonly Cell[]>): string {
  const lines = [head.map(csvCell).join(',')];
  for (const row of rows) lines.push(row.map(csvCell).join(','));
  return `${lines.join('\r\n')}\r\n`;
}

/** A table as JSON: a list of objects with the names of the columns. */
export function jsonOf(names: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const objects = rows.map((row) =>
    Object.fromEntries(names.map((name, column) => [name, row[column] ?? null])),
  );
  return `${JSON.stringify(objects, null, 2)}\n`;
}
