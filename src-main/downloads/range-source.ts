import { appError, type AppError } from '../contract/index.ts';
import type { OutboundResponse } from '../privacy/outbound.ts';
import type { DownloadNetwork } from './api.ts';
import { RateLimited, retryAfterMs } from './retries.ts';

/** One file on the Hub, as a download knows it. */
export interface RemoteFile {
  repo: string;
  revision: string;
  path: string;
  sizeBytes: number;
  sha256: string;
  /** Of an earlier answer; null before the first. */
  etag: string | null;
}

/** What a server sends of a file. */
export interface RangeAnswer {
  /** Where the body begins: 0 when the server knows no ranges. */
  offset: number;
  /** False: the whole file is sent, whatever was asked for. */
  isRange: boolean;
  /** Null when the server names none. */
  etag: string | null;
  body: AsyncIterable<Uint8Array>;
  cancel(): Promise<void>;
}

/** A link that was signed for a time no longer works; a fresh one may. */
export class LinkExpired extends Error {}

export interface RangeSource {
  /**
   * Asks for the bytes from `start` up to, not including, `end`.
   * @throws hub_gated, not_found, file_changed, offline, aborted; network_failed, which may pass;
   * RateLimited; LinkExpired, once: the next call asks the Hub again
   */
  open(file: RemoteFile, start: number, end: number, options: RangeOptions): Promise<RangeAnswer>;
}

interface RangeOptions {
  signal: AbortSignal;
  /** Asks the Hub again instead of going to where it sent the last request. */
  fresh?: boolean;
}

interface RangeSourceOptions {
  network: DownloadNetwork;
  /** Of the Hub or a mirror, without a slash at its end. */
  endpoint: () => string;
  hubToken: () => Promise<string | null>;
  mayPassOffline: () => boolean;
}

/** Makes the reader of one download. It goes straight to where the Hub's redirects ended last. */
export function createRangeSource({
  network,
  endpoint,
  hubToken,
  mayPassOffline,
}: RangeSourceOptions): RangeSource {
  const links = new Map<string, string>();

  return {
    async open(file, start, end, { signal, fresh = false }) {
      const hubUrl = resolveUrl(endpoint(), file);
      const link = fresh ? undefined : links.get(file.path);
      const token = await hubToken();
      const isHub = link === undefined || new URL(link).host === new URL(hubUrl).host;
      const response = await network.request({
        url: link ?? hubUrl,
        purpose: 'models.download',
        headers: {
          range: `bytes=${start}-${end - 1}`,
          // Elsewhere the link itself is the permission, and the token is nobody's business.
          ...(token !== null && isHub ? { authorization: `Bearer ${token}` } : {}),
        },
        signal,
        ...(mayPassOffline() ? { mayPassOffline: true } : {}),
      });
      try {
        const refusal = refusalOf(response, { usedLink: link !== undefined, hubUrl });
        if (refusal) throw refusal;
        const answer = answerOf(response, file, start);
        links.set(file.path, response.url);
        return answer;
      } catch (error) {
        links.delete(file.path);
        await response.cancel();
        throw error;
      }
    },
  };
}

/** The address under which the Hub redirects to a file of a commit. */
export function resolveUrl(
  endpoint: string,
  { repo, revision, path }: Pick<RemoteFile, 'repo' | 'revision' | 'path'>,
): string {
  const steps = path.split('/').map(encodeURIComponent).join('/');
  return `${endpoint}/${repo}/resolve/${revision}/${steps}`;
}

const headerOf = ({ headers }: Pick<OutboundResponse, 'headers'>, name: string) => {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
};

function refusalOf(
  response: OutboundResponse,
  { usedLink, hubUrl }: { usedLink: boolean; hubUrl: string },
): AppError | RateLimited | LinkExpired | null {
  const { status } = response;
  if (status === 200 || status === 206) return null;
  const wasRedirected = response.url !== hubUrl;
  if (status === 429) return new RateLimited(retryAfterMs(headerOf(response, 'retry-after'), Date.now()));
  if (status === 412 || status === 416) return appError('file_changed', { status });
  if ([401, 403, 404, 410].includes(status)) {
    if (usedLink) return new LinkExpired();
    // The Hub agreed and the host that it named did not: it may the next time.
    if (wasRedirected) return appError('network_failed', { status });
    return status === 401 || status === 403 ? appError('hub_gated', { status }) : appError('not_found');
  }
  return appError('network_failed', { status });
}

/** Checks that the answer is of the file that was begun. @throws file_changed, network_failed */
function answerOf(response: OutboundResponse, file: RemoteFile, start: number): RangeAnswer {
  const etag = plainEtag(headerOf(response, 'etag'));
  if (file.etag !== null && etag !== null && etag !== file.etag) throw appError('file_changed');
  for (const hop of [...response.hops, response]) checkNamed(hop, file);
  const { body, cancel } = response;
  if (response.status === 200) {
    const length = headerOf(response, 'content-length');
    if (length !== undefined && Number(length) !== file.sizeBytes) throw appError('file_changed');
    return { offset: 0, isRange: false, etag, body, cancel };
  }
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/u.exec(headerOf(response, 'content-range') ?? '');
  const [, first, total] = range ?? [];
  if (first === undefined || Number(first) !== start) throw appError('network_failed', { reason: 'range' });
  if (total !== '*' && Number(total) !== file.sizeBytes) throw appError('file_changed');
  return { offset: start, isRange: true, etag, body, cancel };
}

/** The Hub itself names commit, size and hash of the file that it sends to. @throws file_changed */
function checkNamed(hop: Pick<OutboundResponse, 'headers'>, file: RemoteFile): void {
  const commit = headerOf(hop, 'x-repo-commit');
  const size = headerOf(hop, 'x-linked-size');
  const hash = plainEtag(headerOf(hop, 'x-linked-etag'));
  const isSame =
    (commit === undefined || commit === file.revision) &&
    (size === undefined || Number(size) === file.sizeBytes) &&
    (hash === null || !/^[0-9a-f]{64}$/u.test(hash) || hash === file.sha256);
  if (!isSame) throw appError('file_changed');
}

/** Without quotes and the mark of a weak one: a proxy may add it. */
function plainEtag(header: string | undefined): string | null {
  const text = header?.trim().replace(/^W\//u, '').replaceAll('"', '') ?? '';
  return text === '' ? null : text;
}
