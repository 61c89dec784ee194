import { parentPort } from 'node:worker_threads';

/** A line for the log of the process, which the worker cannot write itself. No text of the user's. */
export interface WorkerNote {
  event: string;
  code: string;
}

/** Sends notes of one kind to whoever started this worker; outside of a worker nobody hears them. */
export function tellLog(event: string): (code: string) => void {
  return (code) => parentPort?.postMessage({ event, code } satisfies WorkerNote);
}

/** Reads what {@link tellLog} sent. */
export function noteOf(message: unknown): WorkerNote | null {
  if (typeof message !== 'object' || message === null) return null;
  if (!('event' in message) || !('code' in message)) return null;
  const { event, code } = message;
  return typeof event === 'string' && typeof code === 'string' ? { event, code } : null;
}
