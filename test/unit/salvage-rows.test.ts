import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readableRows } from '../../src-main/store/salvage-rows.ts';
import { copyTable } from '../../src-main/store/salvage.ts';
import { temporaryFolder } from '../support/store/fixtures.ts';

const PAGE_BYTES = 4_096;
const FIRST_KEY = 1_000_001;
const ROWS = 300;

let folder: ReturnType<typeof temporaryFolder>;
let file = '';

beforeEach(() => {
  folder = temporaryFolder();
  file = join(folder.path, 'some.db');
});
afterEach(() => folder.dispose());

const nameOf = (row: number) => `row ${String(row).padStart(4, '0')}`;

/** Some 300 kB of rows, none of them near the beginning of the keys. */
function write(index = ''): void {
  const db = new Database(file);
  db.exec(`CREATE TABLE t (seq INTEGER PRIMARY KEY, name TEXT, text TEXT); ${index}`);
  const insert = db.prepare('INSERT INTO t VALUES (?, ?, ?)');
  db.transaction(() => {
    for (let row = 0; row < ROWS; row += 1) insert.run(FIRST_KEY + row, nameOf(row), 'x'.repeat(900));
  })();
  db.close();
}

/** Overwrites the pages on which a text stands together with its row. */
function damage(row: number): void {
  const bytes = readFileSync(file);
  const at = bytes.indexOf(`${nameOf(row)}xxx`);
  const start = at - (at % PAGE_BYTES);
  writeFileSync(file, bytes.fill(0x5a, start, start + PAGE_BYTES));
}

function read() {
  const db = new Database(file, { readonly: true });
  const reading = { isIncomplete: false };
  const rows = [...readableRows(db, 't', ['seq', 'name'], reading, readFileSync(file).length)];
  db.close();
  return { rows: rows.length, ...reading };
}

describe('a table whose last page is damaged', () => {
  test.each(['', 'CREATE INDEX by_name ON t (name);'])('loses the rows on it and no others (%s)', (index) => {
    write(index);
    damage(ROWS - 1);
    const { rows, isIncomplete } = read();
    expect(isIncomplete).toBe(true);
    expect(rows).toBeGreaterThan(ROWS - 8);
    expect(rows).toBeLessThan(ROWS);
  });

  test('keeps what stands between it and another damaged page', () => {
    write();
    damage(150);
    damage(ROWS - 1);
    const { rows } = read();
    expect(rows).toBeGreaterThan(ROWS - 16);
  });
});

test('a whole table is read without a doubt, an empty one too', () => {
  write();
  expect(read()).toEqual({ rows: ROWS, isIncomplete: false });
  const db = new Database(file);
  db.exec('DELETE FROM t');
  db.close();
  expect(read()).toEqual({ rows: 0, isIncomplete: false });
});

describe('what a row meets in the new database', () => {
  const columns = 'seq INTEGER PRIMARY KEY, name TEXT, text TEXT NOT NULL';
  const into = (setUp: string) => {
    const from = new Database(file, { readonly: true });
    const to = new Database(':memory:');
    to.exec(`CREATE TABLE t (${columns}) STRICT; ${setUp}`);
    const lost = { isIncomplete: false };
    try {
      copyTable(from, to, { name: 't', hasKeys: true }, lost, readFileSync(file).length);
      return { lost, rows: to.prepare('SELECT count(*) FROM t').pluck().get() };
    } finally {
      from.close();
      to.close();
    }
  };

  test('one that it refuses is left out', () => {
    write();
    const db = new Database(file);
    db.exec(`UPDATE t SET text = x'00' WHERE seq = ${FIRST_KEY}`);
    db.close();
    expect(into('')).toEqual({ lost: { isIncomplete: true }, rows: ROWS - 1 });
  });

  test('a full disk ends it: what there was no room for is not lost', () => {
    write();
    expect(() => into('PRAGMA max_page_count = 20')).toThrow(
      expect.objectContaining({ code: 'SQLITE_FULL' }),
    );
  });
});
