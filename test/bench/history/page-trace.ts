import type { Browser, Page } from 'playwright-core';
import { propertyOf } from '../guards.ts';

const CATEGORIES = ['devtools.timeline', 'v8', 'toplevel'];
const TASK = 'ThreadControllerImpl::RunTask';
const MICROSECONDS_PER_MS = 1_000;

interface TraceEvent {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  ts: number;
  dur?: number;
  /** Of the thread's own time: without what other programs took from it. */
  tdur?: number;
  args?: unknown;
}

/** Tasks that are script, style or layout, by what the browser calls their parts. */
const WORK = new Set([
  'FunctionCall',
  'EvaluateScript',
  'v8.callFunction',
  'v8.run',
  'TimerFire',
  'FireAnimationFrame',
  'RunMicrotasks',
  'UpdateLayoutTree',
  'Layout',
]);

/** What the page's main thread did. */
export interface MainThread {
  /** How long each task took, ms of the thread's own time where the browser tells it. */
  tasksMs: number[];
  /** All of them: with painting, and what the trace itself costs. */
  busyMs: number;
  /** Script, style and layout alone. */
  workMs: number;
  /** How long it was watched. */
  wallMs: number;
}

/** Runs something while the tasks of the page's main thread are recorded. */
export async function traced(browser: Browser, page: Page, action: () => Promise<void>): Promise<MainThread> {
  await browser.startTracing(page, { categories: CATEGORIES });
  const startedAt = performance.now();
  await action();
  const wallMs = performance.now() - startedAt;
  const trace: unknown = JSON.parse((await browser.stopTracing()).toString());
  const events = propertyOf(trace, 'traceEvents');
  if (!Array.isArray(events)) throw new Error('the trace has no events');
  return { ...mainThreadOf(events as TraceEvent[]), wallMs };
}

const durationMs = ({ tdur, dur }: TraceEvent) => (tdur ?? dur ?? 0) / MICROSECONDS_PER_MS;
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Of those that are not inside another one of them. @param events of one thread */
function outermost(events: readonly TraceEvent[]): TraceEvent[] {
  const byStart = events.toSorted((a, b) => a.ts - b.ts || (b.dur ?? 0) - (a.dur ?? 0));
  let endsAt = Number.NEGATIVE_INFINITY;
  return byStart.filter(({ ts, dur = 0 }) => {
    if (ts < endsAt) return false;
    endsAt = ts + dur;
    return true;
  });
}

/** Of the renderer that did most: another page of the browser does nothing. Nested tasks are counted once. */
function mainThreadOf(events: readonly TraceEvent[]): Omit<MainThread, 'wallMs'> {
  const mains = new Set(
    events
      .filter(({ name, args }) => name === 'thread_name' && propertyOf(args, 'name') === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid}/${tid}`),
  );
  const byThread = Map.groupBy(
    events.filter(({ ph, pid, tid }) => ph === 'X' && mains.has(`${pid}/${tid}`)),
    ({ pid, tid }) => `${pid}/${tid}`,
  );
  const threads = [...byThread.values()].map((ofThread) => {
    const tasksMs = outermost(ofThread.filter(({ name }) => name === TASK)).map(durationMs);
    const workMs = sum(outermost(ofThread.filter(({ name }) => WORK.has(name))).map(durationMs));
    return { tasksMs, busyMs: sum(tasksMs), workMs };
  });
  const [busiest] = threads.sort((a, b) => b.busyMs - a.busyMs);
  if (!busiest || busiest.tasksMs.length === 0) throw new Error('the trace has no task of a renderer');
  return busiest;
}
