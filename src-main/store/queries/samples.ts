import * as v from 'valibot';
import { SampleSetup, type GenerationSample, type SampleFigures } from '../../contract/index.ts';
import { matches, oldestOf, summarise, type SampleRow } from '../../metrics/summarise.ts';
import type { StoreApi } from '../api.ts';
import { all, each, first, insertInto, one, run, selectList } from '../sql.ts';
import type { Columns, Db, Queries } from '../sql.ts';

const columns: Columns<SampleFigures> = {
  at: 'at',
  purpose: 'purpose',
  kind: 'kind',
  promptTokens: 'prompt_tokens',
  reusedTokens: 'reused_tokens',
  reusedFrom: 'reused_from',
  restoreMs: 'restore_ms',
  readTokens: 'read_tokens',
  rereadTokens: 'reread_tokens',
  generatedTokens: 'generated_tokens',
  guessedTokens: 'guessed_tokens',
  guessedRight: 'guessed_right',
  draftedTokens: 'drafted_tokens',
  draftedRight: 'drafted_right',
  loadMs: 'load_ms',
  prefillMs: 'prefill_ms',
  firstTokenMs: 'first_token_ms',
  decodeMs: 'decode_ms',
  tokensPerSecond: 'tokens_per_second',
  stopReason: 'stop_reason',
  contextTokens: 'context_tokens',
  memoryBytes: 'memory_bytes',
  vramBytes: 'vram_bytes',
};

const summaryColumns: Columns<SampleRow> = {
  setupId: 'setup_id',
  at: 'at',
  kind: 'kind',
  promptTokens: 'prompt_tokens',
  reusedTokens: 'reused_tokens',
  restoreMs: 'restore_ms',
  readTokens: 'read_tokens',
  generatedTokens: 'generated_tokens',
  prefillMs: 'prefill_ms',
  firstTokenMs: 'first_token_ms',
  tokensPerSecond: 'tokens_per_second',
};

const INSERT = insertInto('generation_samples', { setupId: 'setup_id', ...columns });

/** Answers in order of time, as `summarise` takes them. */
export const OF_TIME = `SELECT ${selectList('s', summaryColumns)} FROM generation_samples s
  WHERE s.at >= @oldest AND s.purpose = 'answer' ORDER BY s.at, s.id`;

const ANY = `SELECT 1 FROM generation_samples WHERE purpose = 'answer' LIMIT 1`;

/** A page of the records in the order in which they were kept. */
export const PAGE = `SELECT s.id AS id, s.setup_id AS setupId, ${selectList('s', columns)} FROM generation_samples s
  WHERE s.id > @afterId AND s.at >= @from
    AND s.setup_id IN (SELECT value FROM json_each(@setups)) ORDER BY s.id LIMIT @limit`;

/** All that were ever used: some hundreds in the life of an installation. */
function setupsOf(db: Db): Map<number, SampleSetup> {
  const rows = all<{ id: number; facts: string }>(db, 'SELECT id, facts FROM sample_setups');
  return new Map(rows.map(({ id, facts }) => [id, v.parse(SampleSetup, JSON.parse(facts))]));
}

function setupId(db: Db, setup: SampleSetup): number {
  // The same facts give the same text: the schema writes them in its own order.
  const facts = JSON.stringify(v.parse(SampleSetup, setup));
  run(db, 'INSERT OR IGNORE INTO sample_setups (facts) VALUES (@facts)', { facts });
  return one<{ id: number }>(db, 'SELECT id FROM sample_setups WHERE facts = @facts', { facts }).id;
}

export const samples: Queries<StoreApi['samples']> = {
  add(db, { setup, figures }) {
    run(db, INSERT, { setupId: setupId(db, setup), ...figures });
  },

  summary(db, input) {
    const rows = each<SampleRow>(db, OF_TIME, { oldest: oldestOf(input) });
    const summary = summarise(rows, setupsOf(db), input);
    const hasAny = summary.answers > 0 || first(db, ANY) !== undefined;
    return { ...summary, hasAny };
  },

  page(db, { filter, afterId, limit }) {
    const setups = new Map([...setupsOf(db)].filter(([, setup]) => matches(setup, filter)));
    const rows = all<SampleFigures & { id: number; setupId: number }>(db, PAGE, {
      afterId,
      from: filter.from ?? 0,
      limit,
      setups: JSON.stringify([...setups.keys()]),
    });
    return rows.flatMap(({ setupId: id, ...figures }): GenerationSample[] => {
      const setup = setups.get(id);
      return setup ? [{ ...figures, ...setup }] : [];
    });
  },

  forget(db) {
    run(db, 'DELETE FROM generation_samples', {});
    run(db, 'DELETE FROM sample_setups', {});
  },
};
