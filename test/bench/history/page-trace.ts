import type { Browser, Page } from 'playwright-core';
import { propertyOf } from '../guards.ts';

const CATEGORIES = ['devtools.timeline', 'disabled-by-default-devtools.timeline', 'toplevel'];
const TASK_NAMES = new Set(['RunTask', 'ThreadControllerImpl::RunTask']);
const MICROSECONDS_PER_MS = 1_000;

interface TraceEvent {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  dur?: number;
  /** Of the thread's own time: without what other programs took from it. */
  tdur?: number;
  args?: unknown;
}

/** What the page's main thread did. */
export interface MainThread {
  /** How long each task took, ms of the thread's own time where the browser tells it. */
  tasksMs: number[];
  busyMs: number;
}

/** Runs something while the tasks of the page's main thread are recorded. */
export async function traced(browser: Browser, page: Page, action: () => Promise<void>): Promise<MainThread> {
  await browser.startTracing(page, { categories: CATEGORIES });
  await action();
  const trace: unknown = JSON.parse((await browser.stopTracing()).toString());
  const events = propertyOf(trace, 'traceEvents');
  if (!Array.isArray(events)) throw new Error('the trace has no events');
  return mainThreadOf(events as TraceEvent[]);
}

/** Of the renderer that did most: another page of the browser does nothing. Nested tasks are counted once. */
function mainThreadOf(events: readonly TraceEvent[]): MainThread {
  const mains = new Set(
    events
      .filter(({ name, args }) => name === 'thread_name' && propertyOf(args, 'name') === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid}/${tid}`),
  );
  const byThread = new Map<string, Map<string, number[]>>();
  for (const { name, ph, pid, tid, dur, tdur } of events) {
    const thread = `${pid}/${tid}`;
    if (ph !== 'X' || !TASK_NAMES.has(name) || !mains.has(thread)) continue;
    const names = byThread.get(thread) ?? new Map<string, number[]>();
    byThread.set(thread, names);
    names.set(name, [...(names.get(name) ?? []), (tdur ?? dur ?? 0) / MICROSECONDS_PER_MS]);
  }
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const threads = [...byThread.values()].map((names) => {
    const tasksMs = names.get('RunTask') ?? names.get('ThreadControllerImpl::RunTask') ?? [];
    return { tasksMs, busyMs: sum(tasksMs) };
  });
  const [busiest] = threads.sort((a, b) => b.busyMs - a.busyMs);
  if (!busiest) throw new Error('the trace has no task of a renderer');
  return busiest;
}
