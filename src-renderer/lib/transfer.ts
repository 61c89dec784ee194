import { strToU8, Zip, ZipDeflate } from 'fflate';
import type { AppClient, ExportFormat, TrainingFilters } from '../../src-main/contract/index.ts';

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
