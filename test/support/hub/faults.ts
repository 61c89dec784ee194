/**
 * Which answers a fault concerns: `api` (search, page, tree), `resolve` (the hub's file address), `cdn` (the bytes),
 * `cas` (how a file lies in Xet storage).
 */
export type Where = 'api' | 'resolve' | 'cdn' | 'cas';

/** What stays in force until it is changed. Times in ms, rates in bytes a second. */
export interface Behaviour {
  /** All file bytes together; null: unlimited. */
  bytesPerSecond: number | null;
  /** Of one connection; null: unlimited. */
  connectionBytesPerSecond: number | null;
  /** False: a Range request is answered with 200 and the whole file, and no `accept-ranges`. */
  ranges: boolean;
  /** False: bodies come chunked, their length unsaid. */
  contentLength: boolean;
  /** Before the headers of a file's answer. */
  headerDelayMs: number;
  /** How long a signed link works. */
  linkLifetimeMs: number;
}

export const WELL_BEHAVED: Behaviour = {
  bytesPerSecond: null,
  connectionBytesPerSecond: null,
  ranges: true,
  contentLength: true,
  headerDelayMs: 0,
  linkLifetimeMs: 3_600_000,
};

/** Concerns one file by its path in the repository, or every file. */
interface OfFile {
  path?: string;
  /** How often it strikes; 1 unless said, `Infinity` for always. */
  times?: number;
}

export interface Refusal extends OfFile {
  where: Where;
  status: number;
  /** Seconds, or an HTTP date. */
  retryAfter?: string;
  headers?: Record<string, string>;
}
/** The connection ends after this many bytes of a body. */
export interface Cut extends OfFile {
  afterBytes: number;
}
/** The byte at this offset of the file arrives inverted. */
export interface Flip extends OfFile {
  offset: number;
}

/** Faults that strike a number of times. */
export class FaultList<T extends OfFile> {
  #faults: { fault: T; left: number }[] = [];

  add(fault: T): void {
    this.#faults.push({ fault, left: fault.times ?? 1 });
  }

  clear(): void {
    this.#faults = [];
  }

  /** The first fault for the file that `applies`, which has struck once more then. */
  take(path: string | null, applies: (fault: T) => boolean): T | null {
    const found = this.#faults.find(
      ({ fault, left }) => left > 0 && (fault.path === undefined || fault.path === path) && applies(fault),
    );
    if (!found) return null;
    found.left -= 1;
    return found.fault;
  }
}
