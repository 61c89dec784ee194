import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import {
  Download,
  HubBaseModel,
  HubFile,
  HubPath,
  HubRepo,
  HubRevision,
  Id,
  Sha256,
} from '../contract/index.ts';
import { diskError } from './part-file.ts';

const FOLDER = 'downloads';
const HEAD = '.json';
const PIECES = '.pieces';

const Part = v.object({
  path: HubPath,
  sizeBytes: v.number(),
  /** From the Hub. */
  sha256: Sha256,
  /** Absolute path of its final name. */
  target: v.string(),
  /** Of the server's first answer; another one means another file. */
  etag: v.nullable(v.string()),
  /** The file with its final name matches `sha256`. */
  isVerified: v.boolean(),
  /** This download made the file, and may delete it. */
  isOurs: v.boolean(),
});
export type Part = v.InferOutput<typeof Part>;

/** The beginning of a piece that was cut off by a pause. */
const Beginning = v.object({ number: v.number(), bytes: v.number(), sha256: Sha256 });
export type Beginning = v.InferOutput<typeof Beginning>;

/** Everything of a download but its pieces. */
export const DownloadRecord = v.object({
  version: v.literal(1),
  id: Id,
  kind: Download.entries.kind,
  repo: HubRepo,
  revision: HubRevision,
  path: HubPath,
  fileName: v.string(),
  fileKind: HubFile.entries.kind,
  quant: v.nullable(v.string()),
  licence: v.nullable(v.string()),
  baseModels: v.array(HubBaseModel),
  parts: v.array(Part),
  state: Download.entries.state,
  pauseReason: Download.entries.pauseReason,
  error: Download.entries.error,
  modelId: v.nullable(Id),
  startedAt: v.number(),
  fetchedBytes: v.number(),
  beginnings: v.array(Beginning),
  /** Numbers of pieces that changed on this disk and are not fetched again yet. */
  damaged: v.array(v.number()),
  /** False while it runs: after a crash the pieces are checked against their hashes. */
  isClean: v.boolean(),
  /** Cancelled, and what is here kept for a later start. */
  isKept: v.boolean(),
});
export type DownloadRecord = v.InferOutput<typeof DownloadRecord>;

/** A piece that is on the disk, as it was received. */
export interface ReceivedPiece {
  sha256: string;
  /** Retried, resumed or cut short on its way: looked at first when the whole is wrong. */
  isSuspect: boolean;
}

export interface StoredDownload {
  record: DownloadRecord;
  pieces: Map<number, ReceivedPiece>;
}

/** What is kept of downloads between runs: one file for the record, one that grows by a line a piece. */
export interface Journal {
  /** Those that can be read, oldest first. */
  readAll(): StoredDownload[];
  /** Replaces the record by what it is now; on the disk when it resolves. @throws disk_full */
  write(record: DownloadRecord): Promise<void>;
  /**
   * Notes a piece at once, so that a kill loses none: a line of about 80 bytes. Null takes it back.
   * @throws disk_full
   */
  notePiece(id: string, number: number, piece: ReceivedPiece | null, fetchedBytes: number): void;
  remove(id: string): Promise<void>;
  /** Waits for what is being written, and closes the files that are open. */
  close(): Promise<void>;
}

/** @param dataDir the data folder; a folder of its own is made below */
export function openJournal(dataDir: string): Journal {
  const folder = join(dataDir, FOLDER);
  const logs = new Map<string, number>();
  /** The last change of each record: they reach the disk in the order in which they were made. */
  const turns = new Map<string, Promise<void>>();
  const inTurn = (id: string, work: () => Promise<void>): Promise<void> => {
    const turn = (turns.get(id) ?? Promise.resolve())
      .catch(() => {})
      .then(work)
      .catch((error: unknown) => Promise.reject(diskError(error)));
    turns.set(id, turn);
    const forget = () => void (turns.get(id) === turn && turns.delete(id));
    turn.then(forget, forget);
    return turn;
  };
  const logOf = (id: string) => {
    const known = logs.get(id);
    if (known !== undefined) return known;
    const descriptor = openSync(join(folder, id + PIECES), 'a', 0o600);
    logs.set(id, descriptor);
    // The last line may have been cut off.
    writeFileSync(descriptor, '\n');
    return descriptor;
  };
  const closeLog = (id: string) => {
    const descriptor = logs.get(id);
    if (descriptor !== undefined) closeSync(descriptor);
    logs.delete(id);
  };

  return {
    readAll() {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const names = readdirSync(folder);
      for (const name of names) if (name.endsWith('.new')) rmSync(join(folder, name), { force: true });
      return names
        .filter((name) => name.endsWith(HEAD))
        .flatMap((name) => readOne(folder, name.slice(0, -HEAD.length)) ?? [])
        .sort((a, b) => a.record.startedAt - b.record.startedAt);
    },
    write(record) {
      const content = JSON.stringify(record);
      return inTurn(record.id, async () => {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        await replaceFile(join(folder, record.id + HEAD), content);
      });
    },
    notePiece(id, number, piece, fetchedBytes) {
      const fields = piece
        ? [number, piece.sha256, piece.isSuspect ? 1 : 0, fetchedBytes]
        : [number, '-', 0, fetchedBytes];
      try {
        writeFileSync(logOf(id), `${fields.join(' ')}\n`);
      } catch (error) {
        throw diskError(error);
      }
    },
    remove: (id) =>
      inTurn(id, async () => {
        closeLog(id);
        for (const ending of [HEAD, PIECES]) await rm(join(folder, id + ending), { force: true });
      }),
    async close() {
      await Promise.allSettled(turns.values());
      for (const id of [...logs.keys()]) closeLog(id);
    },
  };
}

async function replaceFile(path: string, content: string): Promise<void> {
  const draft = `${path}.new`;
  await writeFile(draft, content, { mode: 0o600, flush: true });
  await rename(draft, path);
}

/** Null for a file that is damaged or of a newer app: it stays, and nothing is done with it. */
function readOne(folder: string, id: string): StoredDownload | null {
  try {
    const json: unknown = JSON.parse(readFileSync(join(folder, id + HEAD), 'utf8'));
    const parsed = v.safeParse(DownloadRecord, json);
    if (!parsed.success || parsed.output.id !== id) return null;
    return readPieces(join(folder, id + PIECES), parsed.output);
  } catch {
    return null;
  }
}

/** Later lines replace earlier ones; a line that a crash cut off counts as not there. */
function readPieces(path: string, record: DownloadRecord): StoredDownload {
  const pieces = new Map<number, ReceivedPiece>();
  let { fetchedBytes } = record;
  for (const line of readLines(path)) {
    const found = /^(\d+) ([0-9a-f]{64}|-) ([01]) (\d+)$/u.exec(line);
    if (!found) continue;
    const [, number, sha256 = '-', suspect, fetched] = found;
    if (sha256 === '-') pieces.delete(Number(number));
    else pieces.set(Number(number), { sha256, isSuspect: suspect === '1' });
    fetchedBytes = Math.max(fetchedBytes, Number(fetched));
  }
  return { pieces, record: { ...record, fetchedBytes } };
}

function readLines(path: string): string[] {
  try {
    const text = readFileSync(path, 'utf8');
    return text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  } catch {
    return [];
  }
}
