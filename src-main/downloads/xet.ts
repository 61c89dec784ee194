import * as v from 'valibot';
import { appError } from '../contract/index.ts';
import { createFetch, type Fetch } from '../privacy/fetch.ts';
import type { DownloadNetwork } from './api.ts';
import type { Piece } from './pieces.ts';
import type { RemoteFile } from './range-source.ts';

/** Of a model of 100 GB: a term for each block of up to 64 MB, and signed addresses. */
const MAX_ANSWER_BYTES = 16_000_000;

/** Bytes of a file that lie in storage as one block, whose hash is made of the hashes of its chunks. */
export interface XetBlock {
  /** As the storage writes it: 64 hexadecimal digits. */
  hash: string;
  /** First byte in the file. */
  offset: number;
  length: number;
}

export interface XetSource {
  /**
   * The blocks of a file that the Hub keeps in Xet storage, as far as they are whole in it; those that begin inside
   * of a block of other files cannot be told by its hash and are left out. Null when nothing is known: another
   * storage, a mirror, a failure.
   * @throws aborted
   */
  blocksOf(file: RemoteFile, signal: AbortSignal): Promise<XetBlock[] | null>;
}

interface XetSourceOptions {
  network: DownloadNetwork;
  endpoint: () => string;
  hubToken: () => Promise<string | null>;
  mayPassOffline: () => boolean;
}

const Hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/u));
const Length = v.pipe(v.number(), v.integer(), v.minValue(0));
const ReadToken = v.object({ accessToken: v.string() });
const Reconstruction = v.object({
  offset_into_first_range: v.optional(v.number(), 0),
  terms: v.array(
    v.object({ hash: Hash, unpacked_length: Length, range: v.object({ start: Length, end: Length }) }),
  ),
});
type Term = v.InferOutput<typeof Reconstruction>['terms'][number];

/**
 * Reads of the Hub how a file lies in storage (https://huggingface.co/docs/xet/download-protocol); no byte of the
 * file is fetched.
 */
export function createXetSource(options: XetSourceOptions): XetSource {
  return {
    async blocksOf(file, signal) {
      try {
        return blocksFrom(await termsOf(file, options, signal), file.sizeBytes);
      } catch {
        if (signal.aborted) throw appError('aborted');
        // Nothing depends on it: the pieces are then looked at one after the other.
        return null;
      }
    },
  };
}

async function termsOf(
  { repo, revision, path }: RemoteFile,
  { network, endpoint, hubToken, mayPassOffline }: XetSourceOptions,
  signal: AbortSignal,
): Promise<Term[]> {
  const send = createFetch(network, {
    purpose: 'models.download',
    maxBytes: MAX_ANSWER_BYTES,
    signal,
    mayPassOffline: mayPassOffline(),
  });
  const token = await hubToken();
  const asUser: Fetch = (input, init) => {
    const headers = new Headers(init?.headers);
    if (token !== null) headers.set('authorization', `Bearer ${token}`);
    return send(input, { ...init, headers });
  };
  // Loaded when it is first asked: most starts ask nothing.
  const { fileDownloadInfo } = await import('@huggingface/hub');
  const info = await fileDownloadInfo({ repo, revision, path, hubUrl: endpoint(), fetch: asUser });
  if (!info?.xet) return [];
  const { refreshUrl, reconstructionUrl } = info.xet;
  // The token is for the Hub alone.
  if (refreshUrl.origin !== new URL(endpoint()).origin) return [];
  const { accessToken } = v.parse(ReadToken, await json(await asUser(refreshUrl)));
  // The Hub links to the first version of the call, which is to end; the official client asks for the second.
  const url = reconstructionUrl.href.replace('/v1/reconstructions/', '/v2/reconstructions/');
  const answer = await send(url, { headers: { authorization: `Bearer ${accessToken}` } });
  const { terms, offset_into_first_range: skipped } = v.parse(Reconstruction, await json(answer));
  return skipped === 0 ? terms : [];
}

async function json(response: Response): Promise<unknown> {
  if (response.ok) return response.json();
  await response.body?.cancel();
  throw new Error(`status ${response.status}`);
}

/** Terms that follow each other in one block are one. Null when they are not those of a file of this size. Pure. */
export function blocksFrom(terms: readonly Term[], sizeBytes: number): XetBlock[] | null {
  const blocks: (XetBlock & { first: number; next: number })[] = [];
  let offset = 0;
  for (const { hash, unpacked_length: length, range } of terms) {
    const last = blocks.at(-1);
    if (last?.hash === hash && last.next === range.start) {
      last.length += length;
      last.next = range.end;
    } else blocks.push({ hash, offset, length, first: range.start, next: range.end });
    offset += length;
  }
  if (terms.length === 0 || offset !== sizeBytes) return null;
  return blocks
    .filter(({ first }) => first === 0)
    .map(({ hash, offset, length }) => ({ hash, offset, length }));
}

/** Numbers of the pieces of a part that lie in blocks which are right, one beside the other. Pure. */
export function provenPieces(
  layout: readonly Piece[],
  part: number,
  right: readonly Pick<XetBlock, 'offset' | 'length'>[],
): number[] {
  const spans: { start: number; end: number }[] = [];
  for (const { offset, length } of right) {
    const last = spans.at(-1);
    if (last?.end === offset) last.end += length;
    else spans.push({ start: offset, end: offset + length });
  }
  return [...layout.entries()]
    .filter(([, piece]) => piece.part === part)
    .filter(([, { offset, length }]) =>
      spans.some(({ start, end }) => start <= offset && offset + length <= end),
    )
    .map(([number]) => number);
}
