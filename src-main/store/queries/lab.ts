import * as v from 'valibot';
import { BenchFacts, type BenchRun } from '../../contract/index.ts';
import type { StoreApi } from '../api.ts';
import { all, change, one, run } from '../sql.ts';
import type { Queries } from '../sql.ts';

interface Row {
  id: string;
  imported: number;
  facts: string;
}

const FIELDS = 'SELECT id, imported, facts FROM bench_runs';

const toRun = ({ id, imported, facts }: Row): BenchRun => ({
  id,
  imported: imported === 1,
  ...v.parse(BenchFacts, JSON.parse(facts)),
});

export const lab: Queries<StoreApi['lab']> = {
  list: (db) => all<Row>(db, `${FIELDS} WHERE removed = 0 ORDER BY at DESC, rowid DESC`).map(toRun),

  get: (db, { id }) => toRun(one<Row>(db, `${FIELDS} WHERE id = @id AND removed = 0`, { id })),

  add(db, { id, imported, ...facts }) {
    const { changes } = run(
      db,
      // One that was removed and comes again is there again.
      `INSERT INTO bench_runs (id, at, imported, facts) VALUES (@id, @at, @imported, @facts)
        ON CONFLICT (id) DO UPDATE SET removed = 0 WHERE removed = 1`,
      { id, at: facts.at, imported: imported ? 1 : 0, facts: JSON.stringify(v.parse(BenchFacts, facts)) },
    );
    return changes > 0;
  },

  rename(db, { id, name }) {
    change(
      db,
      `UPDATE bench_runs SET facts = json_set(facts, '$.name', @name) WHERE id = @id AND removed = 0`,
      {
        id,
        name,
      },
    );
  },

  remove: (db, { id }) =>
    change(db, 'UPDATE bench_runs SET removed = 1 WHERE id = @id AND removed = 0', { id }),

  restore: (db, { id }) => change(db, 'UPDATE bench_runs SET removed = 0 WHERE id = @id', { id }),

  purge: (db) => void run(db, 'DELETE FROM bench_runs WHERE removed = 1', {}),
};
