import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import type { AppClient } from '../../../src-main/contract/index.ts';
import { startServe } from '../../support/serve-process.ts';
import { connectSocket } from '../../support/socket-client.ts';
import { largeHistory, type History } from '../history/generate.ts';
import { queryMix, type Query } from '../history/queries.ts';
import { arm, type BenchRow, type Figure, type Round } from '../row.ts';
import { summarise } from '../stats.ts';

/** `LEEWARD_BENCH_SHARE=0.01` measures a hundredth of the history, to try the row itself. */
const SHARE = Number(process.env['LEEWARD_BENCH_SHARE'] ?? 1);
export const COUNTS = { conversations: 10_000 * SHARE, messages: 1_000_000 * SHARE };
const ROUNDS = 3;
const P95 = 0.95;
/** Between two calls that wait behind a search, ms. */
const PAUSE_MS = 10;

/** The value below which this share of the values lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

async function timed<T>(call: () => Promise<T>): Promise<{ ms: number; result: T }> {
  const startedAt = performance.now();
  const result = await call();
  return { ms: performance.now() - startedAt, result };
}

interface Timed {
  query: Query;
  ms: number;
  found: number;
}

async function searchAll(client: AppClient, queries: readonly Query[]): Promise<Timed[]> {
  const times: Timed[] = [];
  for (const query of queries) {
    const { ms, result } = await timed(() =>
      client.search.query({ query: query.query, filters: query.filters }),
    );
    times.push({ query, ms, found: result.chats.length });
  }
  return times;
}

/** Calls of other kinds, one after the other until `isOver`. @returns how long each took, ms */
async function callMeanwhile(
  client: AppClient,
  { facts }: History,
  isOver: () => boolean,
): Promise<number[]> {
  const calls = [
    () => client.conversations.get({ id: facts.shortId, newest: 20 }),
    () => client.history.list({ limit: 50 }),
    () => client.conversations.saveDraft({ id: facts.shortId, draft: `draft ${performance.now()}` }),
    () => client.folders.list(),
  ];
  const waits: number[] = [];
  for (let i = 0; !isOver(); i++) {
    const call = calls[i % calls.length];
    if (call) waits.push((await timed<unknown>(call)).ms);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return waits;
}

async function round(client: AppClient, history: History, queries: readonly Query[]) {
  const times = await searchAll(client, queries);
  let isOver = false;
  const waiting = callMeanwhile(client, history, () => isOver);
  await searchAll(client, queries);
  isOver = true;
  const waits = await waiting;
  const ms = times.map((time) => time.ms);
  const measured: Round = {
    searchMedian: percentile(ms, 0.5),
    searchP95: percentile(ms, P95),
    searchWorst: Math.max(...ms),
    waitMedian: percentile(waits, 0.5),
    waitP95: percentile(waits, P95),
    waitWorst: Math.max(...waits),
    load: loadavg()[0] ?? 0,
  };
  return { measured, times };
}

/** Search over a million messages, and what other calls wait while it runs, through the contract. */
export const row: BenchRow = {
  title: 'Search over 10,000 chats with 1,000,000 messages: 200 fixed queries over the socket',
  async measure({ folder, report, rounds }) {
    const history = await largeHistory(folder, COUNTS, report);
    const queries = queryMix(history.facts);
    const models = join(folder, 'no-models');
    mkdirSync(models, { recursive: true });
    const started = performance.now();
    const serve = startServe(['--port', '0', '--data-dir', history.dataDir, '--models-dir', models]);
    try {
      const { url } = await serve.ready;
      const startMs = performance.now() - started;
      const { client, close } = await connectSocket(url);
      const first = await timed(() => client.history.list({}));
      const conditions = {
        conversations: history.facts.conversations,
        messages: history.facts.messages,
        queries: queries.length,
        cores: availableParallelism(),
        node: process.versions.node,
      };
      let last: Timed[] = [];
      const measured = await rounds(ROUNDS, conditions, async () => {
        const { measured: figures, times } = await round(client, history, queries);
        last = times;
        return figures;
      });
      close();
      if (last.length > 0) {
        const slowest = [...last].sort((a, b) => b.ms - a.ms);
        const file = join(folder, 'history-queries.json');
        writeFileSync(file, `${JSON.stringify(slowest, null, 1)}\n`);
        for (const { query, ms, found } of slowest.slice(0, 8))
          report(`${ms.toFixed(0)} ms, ${found} chats: ${query.kind} ${JSON.stringify(query.query)}`);
        report(`every query, the slowest first: ${file}`);
      }
      const figure = (name: string, key: string, atMost?: number): Figure => ({
        name, unit: key === 'load' ? 'processes' : 'ms', ...summarise(arm(measured, key)),
        ...(atMost === undefined ? {} : { target: { atMost } }),
      }); // prettier-ignore
      return {
        conditions: { ...conditions, startMs: Math.round(startMs), firstListMs: Math.round(first.ms) },
        figures: [
          figure('search, median', 'searchMedian'),
          figure('search, 95th percentile', 'searchP95', 50),
          figure('search, worst', 'searchWorst', 200),
          figure('other calls meanwhile, median', 'waitMedian'),
          figure('other calls meanwhile, 95th percentile', 'waitP95'),
          figure('other calls meanwhile, worst', 'waitWorst', 50),
          figure('load of the machine', 'load'),
        ],
      };
    } finally {
      serve.child.kill('SIGTERM');
      await serve.exit;
    }
  },
};
