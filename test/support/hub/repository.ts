import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';

/** Text, bytes, or a file on disk that is streamed; its `sha256` is computed unless it is given. */
export type Content = string | Uint8Array | { file: string; sha256?: string };

/** Larger files and models lie in large file storage, as the hub's `.gitattributes` has it. */
const LFS_THRESHOLD_BYTES = 10 * 1024 * 1024;

/** One version of one file. */
export interface StoredFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Git's name of the blob: of the pointer for a file in large file storage. */
  readonly oid: string;
  /** Text of the pointer; null for a file that lies in git itself. */
  readonly pointer: string | null;
  /** Bytes from `start` up to, without, `end`. */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
}

export interface RepositoryOptions {
  files: Readonly<Record<string, Content>>;
  downloads?: number;
  likes?: number;
  lastModified?: string;
  /** Beside `gguf`, which every repository with such a file has. */
  tags?: readonly string[];
  cardData?: Readonly<Record<string, unknown>>;
  gated?: false | 'auto' | 'manual';
  /** What the hub read from the first GGUF header. */
  gguf?: { total: number; architecture: string; context_length: number };
  /** Large files lie in Xet storage, in blocks of about so many bytes. */
  xetBlockBytes?: number;
}

/** A model repository with its history: the newest revision is `main`. */
export class Repository {
  readonly name: string;
  readonly options: RepositoryOptions;
  readonly #revisions = new Map<string, Map<string, StoredFile>>();
  readonly #objects = new Map<string, StoredFile>();
  #head = '';

  constructor(name: string, options: RepositoryOptions) {
    this.name = name;
    this.options = options;
  }

  /** Commit of `main`. */
  get revision(): string {
    return this.#head;
  }

  /** Writes files in a new revision; what is not named stays as it was. @returns the commit */
  async commit(files: Readonly<Record<string, Content>>): Promise<string> {
    const next = new Map(this.#revisions.get(this.#head));
    for (const [path, content] of Object.entries(files)) next.set(path, await this.#store(path, content));
    this.#head = createHash('sha1')
      .update(`${this.name}\n${this.#head}\n`)
      .update([...next.values()].map(({ path, sha256 }) => `${path} ${sha256}`).join('\n'))
      .digest('hex');
    this.#revisions.set(this.#head, next);
    return this.#head;
  }

  /** Puts other content under a revision that has been given out: what no honest hub does. */
  async replace(path: string, content: Content): Promise<void> {
    const file = await this.#store(path, content);
    for (const files of this.#revisions.values()) files.set(path, file);
  }

  /** The files of a branch or commit; undefined when there is no such revision. */
  filesAt(revision: string): ReadonlyMap<string, StoredFile> | undefined {
    return this.#revisions.get(this.commitOf(revision));
  }

  commitOf(revision: string): string {
    return revision === 'main' || revision === 'HEAD' ? this.#head : revision;
  }

  /** @throws when `main` has no such file */
  file(path: string): StoredFile {
    const file = this.filesAt('main')?.get(path);
    if (!file) throw new Error(`${this.name} has no ${path}`);
    return file;
  }

  object(sha256: string): StoredFile | undefined {
    return this.#objects.get(sha256);
  }

  get tags(): string[] {
    const hasModel = [...(this.filesAt('main')?.keys() ?? [])].some((path) => path.endsWith('.gguf'));
    return [...(hasModel ? ['gguf'] : []), ...(this.options.tags ?? [])];
  }

  async #store(path: string, content: Content): Promise<StoredFile> {
    const file = await storedFile(path, content);
    this.#objects.set(file.sha256, file);
    return file;
  }
}

async function storedFile(path: string, content: Content): Promise<StoredFile> {
  if (typeof content === 'object' && 'file' in content) {
    const { file } = content;
    const sizeBytes = (await stat(file)).size;
    const sha256 = content.sha256 ?? (await hashOf(createReadStream(file)));
    const pointer = pointerOf(sha256, sizeBytes);
    return {
      path,
      sizeBytes,
      sha256,
      pointer,
      oid: blobOid(Buffer.from(pointer)),
      read: (start, end) =>
        start < end
          ? createReadStream(file, { start, end: end - 1, highWaterMark: 256 * 1024 })
          : Readable.from([]),
    };
  }
  const bytes = typeof content === 'string' ? Buffer.from(content) : Buffer.from(content);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const inLfs = path.endsWith('.gguf') || bytes.length > LFS_THRESHOLD_BYTES;
  const pointer = inLfs ? pointerOf(sha256, bytes.length) : null;
  return {
    path,
    sizeBytes: bytes.length,
    sha256,
    pointer,
    oid: blobOid(pointer === null ? bytes : Buffer.from(pointer)),
    read: (start, end) => slices(bytes.subarray(start, end)),
  };
}

async function* slices(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

async function hashOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

const pointerOf = (sha256: string, sizeBytes: number) =>
  `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${sizeBytes}\n`;

const blobOid = (bytes: Uint8Array) =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
