import { strToU8, Unzip, UnzipInflate, Zip, ZipDeflate } from 'fflate';
import {
  MAX_IMPORT_PIECE,
  type AppClient,
  type ExportFormat,
  type ImportReport,
  type TrainingFilters,
} from '../../src-main/contract/index.ts';

/** A file that is to be saved. */
export interface ExportFile {
  name: string;
  blob: Blob;
}

export interface ExportRequest {
  ids: readonly string[] | null;
  format: ExportFormat;
  training: TrainingFilters;
}

const ZIP_NAME = 'chats.zip';
/** The file of an export that holds the chats; large exports have several. */
const CHATS_IN_ZIP = /(?:^|\/)conversations(?:-\d+)?\.json$/iu;

/** Files that become one: the only one as it is, several in a zip. */
class Collector {
  readonly #parts: BlobPart[] = [];
  #zip: Zip | null = null;
  #entry: { name: string; stream: ZipDeflate } | null = null;
  #single: string | null = null;

  constructor(isZipped: boolean) {
    if (!isZipped) return;
    this.#zip = new Zip((error, data) => {
      if (error) throw error;
      this.#parts.push(data as Uint8Array<ArrayBuffer>);
    });
  }

  add(name: string, text: string): void {
    if (!this.#zip) {
      this.#single = name;
      this.#parts.push(text);
      return;
    }
    if (this.#entry?.name !== name) {
      this.#entry?.stream.push(new Uint8Array(), true);
      this.#entry = { name, stream: new ZipDeflate(name, { level: 6 }) };
      this.#zip.add(this.#entry.stream);
    }
    this.#entry.stream.push(strToU8(text));
  }

  finish(): ExportFile {
    if (!this.#zip) return { name: this.#single ?? ZIP_NAME, blob: new Blob(this.#parts) };
    this.#entry?.stream.push(new Uint8Array(), true);
    this.#zip.end();
    return { name: ZIP_NAME, blob: new Blob(this.#parts) };
  }
}

/**
 * Writes chats into a file, piece by piece.
 * @throws the signal's reason when it is cancelled
 */
export async function exportChats(
  client: AppClient,
  { ids, format, training }: ExportRequest,
  { signal, onProgress }: { signal: AbortSignal; onProgress: (done: number, total: number) => void },
): Promise<ExportFile> {
  const conversationIds = ids === null ? null : [...ids];
  const { exportId, total } = await client.transfer.beginExport({ conversationIds, format, training });
  const collector = new Collector(format === 'markdown' && total > 1);
  try {
    for (let isLast = total === 0; !isLast;) {
      signal.throwIfAborted();
      const piece = await client.transfer.readExport({ exportId });
      collector.add(piece.fileName, piece.text);
      onProgress(piece.done, piece.total);
      isLast = piece.isLast;
    }
    return collector.finish();
  } catch (error) {
    void client.transfer.endExport({ exportId }).catch(() => {});
    throw error;
  }
}

/** Why a file is no import that even begins; the core says the other reasons. */
export class NoChatsInZip extends Error {}

/** Texts of a file: its own, or those of the chats in a zip. */
async function* textsOf(file: File): AsyncGenerator<{ text: string; doneBytes: number; isEnd: boolean }> {
  const head = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  if (head[0] === 0x50 && head[1] === 0x4b) yield* textsOfZip(file);
  else {
    const decoder = new TextDecoder();
    let doneBytes = 0;
    for await (const chunk of chunksOf(file)) {
      doneBytes += chunk.length;
      yield { text: decoder.decode(chunk, { stream: true }), doneBytes, isEnd: false };
    }
    yield { text: decoder.decode(), doneBytes, isEnd: true };
  }
}

async function* chunksOf(file: File): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const reader = file.stream().getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
  } finally {
    reader.releaseLock();
  }
}

async function* textsOfZip(file: File): AsyncGenerator<{ text: string; doneBytes: number; isEnd: boolean }> {
  const waiting: { text: string; isEnd: boolean }[] = [];
  let found = false;
  const unzip = new Unzip((entry) => {
    if (!CHATS_IN_ZIP.test(entry.name)) return;
    found = true;
    const decoder = new TextDecoder();
    entry.ondata = (error, data, final) => {
      if (error) throw error;
      waiting.push({ text: decoder.decode(data, { stream: !final }), isEnd: final });
    };
    entry.start();
  });
  unzip.register(UnzipInflate);
  let doneBytes = 0;
  for await (const chunk of chunksOf(file)) {
    doneBytes += chunk.length;
    unzip.push(chunk, doneBytes === file.size);
    for (const part of waiting.splice(0)) yield { ...part, doneBytes };
  }
  if (!found) throw new NoChatsInZip();
}

const nothing: ImportReport = { source: null, chats: 0, messages: 0, alreadyHere: 0, leftOut: [] };

function together(a: ImportReport, b: ImportReport): ImportReport {
  const counts = new Map(a.leftOut.map(({ problem, count }) => [problem, count]));
  for (const { problem, count } of b.leftOut) counts.set(problem, (counts.get(problem) ?? 0) + count);
  return {
    source: b.source ?? a.source,
    chats: a.chats + b.chats,
    messages: a.messages + b.messages,
    alreadyHere: a.alreadyHere + b.alreadyHere,
    leftOut: [...counts].map(([problem, count]) => ({ problem, count })),
  };
}

/**
 * Takes the chats of a file; the file is read in pieces, however large it is.
 * @throws import_unreadable, {@link NoChatsInZip}, the signal's reason when it is cancelled; nothing is kept then
 */
export async function importChats(
  client: AppClient,
  file: File,
  { signal, onProgress }: { signal: AbortSignal; onProgress: (share: number) => void },
): Promise<ImportReport> {
  let report = nothing;
  let importId: string | null = null;
  try {
    for await (const { text, doneBytes, isEnd } of textsOf(file)) {
      signal.throwIfAborted();
      importId ??= (await client.transfer.beginImport({ sizeBytes: file.size })).importId;
      for (let start = 0; start < text.length; start += MAX_IMPORT_PIECE)
        await client.transfer.appendImport({ importId, text: text.slice(start, start + MAX_IMPORT_PIECE) });
      onProgress(file.size === 0 ? 1 : doneBytes / file.size);
      if (!isEnd) continue;
      report = together(report, await client.transfer.finishImport({ importId }));
      importId = null;
    }
    return report;
  } catch (error) {
    if (importId !== null) await client.transfer.cancelImport({ importId }).catch(() => {});
    throw error;
  }
}
