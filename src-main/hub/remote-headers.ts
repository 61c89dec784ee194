import { appError, errorCodeOf, type HubFile } from '../contract/index.ts';
import type { ByteSource } from '../models/byte-source.ts';
import type { HeaderReader } from '../models/gguf-header.ts';
import type { GgufHeader } from '../models/gguf-summary.ts';
import type { RemoteHeader } from './api.ts';
import { isPlausible, recording, siblingSource, type WholeHeader } from './sibling-header.ts';

/** Repositories whose first header is kept with its bytes, 16 MB at the most in known models. */
const KEPT_HEADERS = 2;

/** Reads headers of files on the hub, those of one repository one after the other. */
export class RemoteHeaders {
  readonly #headers: HeaderReader;
  /** By repository and commit, the newest last. */
  readonly #whole = new Map<string, WholeHeader>();
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(headers: HeaderReader) {
    this.#headers = headers;
  }

  /**
   * @param commit names the repository and its commit
   * @param file as the commit has it; every part is read
   * @throws what the source throws, and the header's errors
   */
  read(
    commit: string,
    file: HubFile,
    open: (path: string, sizeBytes: number) => ByteSource,
  ): Promise<RemoteHeader> {
    const before = this.#queues.get(commit) ?? Promise.resolve();
    const result = before.then(() => this.#readParts(commit, file, open));
    const settled = result.then(
      () => {},
      () => {},
    );
    this.#queues.set(commit, settled);
    void settled.then(() => {
      if (this.#queues.get(commit) === settled) this.#queues.delete(commit);
    });
    return result;
  }

  async #readParts(
    commit: string,
    file: HubFile,
    open: (path: string, sizeBytes: number) => ByteSource,
  ): Promise<RemoteHeader> {
    const parts: GgufHeader[] = [];
    for (const { path, sizeBytes } of file.parts) {
      const remote = open(path, sizeBytes);
      const isWhole = file.parts.length === 1 && file.kind === 'model';
      parts.push(isWhole ? await this.#readWhole(commit, remote) : await this.#headers.read(remote));
    }
    for (const [index, { split }] of parts.entries()) {
      const fits =
        split === null ? parts.length === 1 : split.index === index && split.count === parts.length;
      if (!fits) throw appError('model_malformed', { reason: 'parts' });
    }
    return { file, parts };
  }

  async #readWhole(commit: string, remote: ByteSource): Promise<GgufHeader> {
    const known = this.#whole.get(commit);
    const short = known && (await this.#readSibling(remote, known));
    if (short) return short;
    const recorder = recording(remote);
    const header = await this.#headers.read(recorder.source);
    const bytes = recorder.prefix(header.headerEndOffset);
    this.#whole.set(commit, { bytes, header, sizeBytes: remote.sizeBytes });
    for (const oldest of this.#whole.keys()) {
      if (this.#whole.size <= KEPT_HEADERS) break;
      this.#whole.delete(oldest);
    }
    return header;
  }

  async #readSibling(remote: ByteSource, known: WholeHeader): Promise<GgufHeader | null> {
    const source = await siblingSource(remote, known);
    if (source === null) return null;
    try {
      const header = await this.#headers.read(source);
      return isPlausible(header, remote.sizeBytes, known) ? header : null;
    } catch (error) {
      // Made of two files that do not belong together; the whole header says what is true.
      if (errorCodeOf(error).startsWith('model_')) return null;
      throw error;
    }
  }
}
