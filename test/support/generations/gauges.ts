import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { STATES_FOLDER } from '../../../src-main/state-cache/state-cache.ts';
import { databaseFile } from '../../../src-main/store/files.ts';

/** What a process takes: its own memory and its part of what it shares with others (Linux). */
export interface ProcessGauges {
  pssBytes: number;
  anonymousBytes: number;
  handles: number;
}

export interface Gauges {
  /** How many answers there were before. */
  at: number;
  app: ProcessGauges;
  engine: ProcessGauges;
  /** As files; those that are still being written are none. */
  states: { count: number; bytes: number };
  rows: { conversations: number; messages: number; figures: number };
}

function ofProcess(pid: number): ProcessGauges {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const bytesOf = (key: string) => {
    const kilobytes = new RegExp(`^${key}:\\s*(\\d+) kB`, 'mu').exec(rollup)?.[1];
    if (kilobytes === undefined) throw new Error(`the system does not tell ${key}`);
    return Number(kilobytes) * 1024;
  };
  return {
    pssBytes: bytesOf('Pss'),
    anonymousBytes: bytesOf('Anonymous'),
    handles: readdirSync(`/proc/${pid}/fd`).length,
  };
}

function ofStates(dataDir: string): Gauges['states'] {
  const folder = join(dataDir, STATES_FOLDER);
  const sizes = readdirSync(folder)
    .filter((name) => name.endsWith('.state'))
    .map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0);
  return { count: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

function ofRows(dataDir: string): Gauges['rows'] {
  const database = new Database(databaseFile(dataDir), { readonly: true });
  const count = (table: string) =>
    database.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get() ?? 0;
  try {
    return {
      conversations: count('conversations'),
      messages: count('messages'),
      figures: count('generation_samples'),
    };
  } finally {
    database.close();
  }
}

/** Looks at a running app from outside. */
export function readGauges(app: { at: number; pid: number; sidecarPid: number; dataDir: string }): Gauges {
  return {
    at: app.at,
    app: ofProcess(app.pid),
    engine: ofProcess(app.sidecarPid),
    states: ofStates(app.dataDir),
    rows: ofRows(app.dataDir),
  };
}
