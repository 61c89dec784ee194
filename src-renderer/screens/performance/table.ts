import { csvOf, jsonOf, type Cell } from '../../lib/table-file.ts';

/** A column of a chart's table. */
export interface Column {
  /** In a JSON file, with its unit. */
  name: string;
  /** On screen and at the head of a CSV file. */
  label: string;
  /** How a figure is shown; a file has it whole. */
  format?: (value: number) => string;
}

/** The figures behind a chart. The first column names the row. */
export interface TableData {
  /** Of a file: `decode-speed`. */
  fileName: string;
  columns: readonly Column[];
  rows: readonly (readonly Cell[])[];
}

export function tableFile(
  { fileName, columns, rows }: TableData,
  format: 'csv' | 'json',
  now: number,
): { fileName: string; text: string } {
  const day = new Date(now).toISOString().slice(0, 10);
  const names = columns.map(({ name }) => name);
  return {
    fileName: `leeward-${fileName}-${day}.${format}`,
    text: format === 'csv' ? csvOf(names, rows) : jsonOf(names, rows),
  };
}
