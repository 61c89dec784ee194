import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

// What Linux tells of a running process; other systems have no equal figures.

const KIB = 1024;
const NANOSECONDS_PER_SECOND = 1e9;

/** Memory of a process in bytes, pages that it shares with others divided among them. */
export interface Pss {
  totalBytes: number;
  /** Heaps, stacks and what was written to: nothing can take it back. */
  anonymousBytes: number;
  /** Pages of files: programs, libraries, the model. */
  fileBytes: number;
}

/** @throws Error where there is no /proc or the process has ended */
export function pssOf(pid: number): Pss {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const bytesOf = (name: string): number => {
    const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'mu').exec(text)?.[1];
    if (kib === undefined) throw new Error(`no ${name} in smaps_rollup`);
    return Number(kib) * KIB;
  };
  return {
    totalBytes: bytesOf('Pss'),
    anonymousBytes: bytesOf('Pss_Anon'),
    fileBytes: bytesOf('Pss_File'),
  };
}

/** What a thread or a process has done since it began. */
export interface Work {
  cpuSeconds: number;
  /** Times that it slept and was woken. */
  wakeUps: number;
}

export interface ThreadWork extends Work {
  id: number;
  name: string;
}

function workOf(folder: string): Work & { name: string } {
  // The clock ticks of `stat` are 10 ms each: an idle thread would show as none.
  const [ranFor] = readFileSync(join(folder, 'schedstat'), 'utf8').split(' ');
  const status = readFileSync(join(folder, 'status'), 'utf8');
  const wakeUps = Number(/^voluntary_ctxt_switches:\s+(\d+)$/mu.exec(status)?.[1]);
  return {
    name: readFileSync(join(folder, 'comm'), 'utf8').trim(),
    cpuSeconds: Number(ranFor) / NANOSECONDS_PER_SECOND,
    wakeUps,
  };
}

/** The threads of a process. @throws Error where there is no /proc or the process has ended */
export function threadsOf(pid: number): ThreadWork[] {
  const folder = `/proc/${pid}/task`;
  return readdirSync(folder).map((id) => ({ id: Number(id), ...workOf(join(folder, id)) }));
}

/** What the threads did from one reading to another; one that ended in between is left out. */
export function workBetween(before: readonly ThreadWork[], after: readonly ThreadWork[]): Work {
  const earlier = new Map(before.map((thread) => [thread.id, thread]));
  let [cpuSeconds, wakeUps] = [0, 0];
  for (const thread of after) {
    cpuSeconds += thread.cpuSeconds - (earlier.get(thread.id)?.cpuSeconds ?? 0);
    wakeUps += thread.wakeUps - (earlier.get(thread.id)?.wakeUps ?? 0);
  }
  return { cpuSeconds, wakeUps };
}

/** Of the files that a process has mapped: bytes in memory, by file and place in it. */
function mappedFiles(pid: number): Map<string, number> {
  const files = new Map<string, number>();
  let key: string | null = null;
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    const [, offset, path] = /^[0-9a-f]+-[0-9a-f]+ \S+ ([0-9a-f]+) \S+ \d+\s*(.*)$/u.exec(line) ?? [];
    if (offset !== undefined) key = path?.startsWith('/') ? `${path} ${offset}` : null;
    else if (key !== null && /^(?:Shared_Clean|Private_Clean|Shared_Dirty):/u.test(line)) {
      const kib = Number(/(\d+) kB$/u.exec(line)?.[1] ?? 0);
      files.set(key, (files.get(key) ?? 0) + kib * KIB);
    }
  }
  return files;
}

/**
 * Pss of some processes in sum, as it is where nothing else runs the same programs: what their files take in memory
 * is counted once, and divided with nobody. Other Node programs on the machine would make `Pss` smaller.
 */
export function pssAlone(pids: readonly number[]): { totalBytes: number; anonymousBytes: number } {
  const anonymousBytes = pids.reduce((sum, pid) => sum + pssOf(pid).anonymousBytes, 0);
  const files = new Map<string, number>();
  for (const pid of pids)
    for (const [key, bytes] of mappedFiles(pid)) files.set(key, Math.max(files.get(key) ?? 0, bytes));
  const fileBytes = [...files.values()].reduce((sum, bytes) => sum + bytes, 0);
  return { totalBytes: anonymousBytes + fileBytes, anonymousBytes };
}
