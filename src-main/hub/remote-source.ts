import { appError } from '../contract/index.ts';
import type { ByteSource } from '../models/byte-source.ts';
import type { OutboundResponse } from '../privacy/outbound.ts';
import type { Privacy } from '../privacy/privacy.ts';
import type { HubFileId } from './api.ts';
import { hubErrorOf } from './errors.ts';

/** The largest header has 16 MB; the parser itself ends at 48 MB. A file may not cost more. */
const MAX_FETCHED_BYTES = 50_000_000;

export interface RemoteSourceOptions {
  privacy: Pick<Privacy, 'request'>;
  endpoint: string;
  hubToken(): Promise<string | null>;
  mayPassOffline: boolean;
}

/** The hub's address of a file at one commit, which leads on to where its bytes lie. */
export function fileAddress(endpoint: string, { repo, revision, path }: HubFileId): string {
  return `${endpoint}/${repo}/resolve/${revision}/${path.split('/').map(encodeURIComponent).join('/')}`;
}

/**
 * Reads parts of a file on the hub by ranges. The signed link that the first read leads to is used for those
 * after it, and asked for again when it has expired.
 * @throws (from `read`) offline, hub_gated, not_found, hub_rate_limited, network_failed; file_changed when its
 * size is no longer `sizeBytes`; model_malformed when it asks for more than any header has
 */
export function remoteSource(
  file: HubFileId & { sizeBytes: number },
  { privacy, endpoint, hubToken, mayPassOffline }: RemoteSourceOptions,
): ByteSource {
  const address = fileAddress(endpoint, file);
  let link: string | null = null;
  let fetchedBytes = 0;

  const ask = async (url: string, offset: number, length: number): Promise<OutboundResponse> => {
    const token = url === address ? await hubToken() : null;
    return privacy.request({
      url,
      purpose: 'models.download',
      mayPassOffline,
      headers: {
        range: `bytes=${offset}-${offset + length - 1}`,
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
    });
  };

  const open = async (offset: number, length: number): Promise<OutboundResponse> => {
    if (link !== null) {
      const response = await ask(link, offset, length);
      if (isSuccess(response)) return response;
      // Expired, most likely: the hub gives another one.
      await response.cancel();
    }
    const response = await ask(address, offset, length);
    if (!isSuccess(response)) {
      await response.cancel();
      throw refusalOf(response);
    }
    link = response.url;
    return response;
  };

  return {
    sizeBytes: file.sizeBytes,
    async read(offset, length) {
      fetchedBytes += length;
      if (fetchedBytes > MAX_FETCHED_BYTES) throw appError('model_malformed', { reason: 'header too long' });
      const response = await open(offset, length);
      return receive(response, offset, length, file.sizeBytes);
    },
  };
}

const isSuccess = ({ status }: OutboundResponse) => status === 200 || status === 206;

function refusalOf({ status, headers, hops, url }: OutboundResponse) {
  const host = new URL(url).hostname;
  // After a redirect it is the storage that refuses, which knows nothing of tokens and terms.
  if (hops.length > 0 && status !== 429) return appError('network_failed', { host, reason: String(status) });
  return hubErrorOf(status, (name) => headerOf(headers, name), host);
}

function headerOf(headers: OutboundResponse['headers'], name: string): string | null {
  return [headers[name] ?? null].flat()[0] ?? null;
}

/** Takes the wanted bytes out of the answer: the range, or the whole file from a server that knows no ranges. */
async function receive(
  response: OutboundResponse,
  offset: number,
  length: number,
  sizeBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const isPart = response.status === 206;
  const total = isPart
    ? /^bytes (\d+)-\d+\/(\d+)$/u.exec(headerOf(response.headers, 'content-range') ?? '')
    : null;
  const stated = isPart ? (total?.[2] ?? '') : headerOf(response.headers, 'content-length');
  if ((isPart && Number(total?.[1]) !== offset) || (stated !== null && Number(stated) !== sizeBytes)) {
    await response.cancel();
    throw appError('file_changed');
  }
  const bytes = new Uint8Array(length);
  let skip = isPart ? 0 : offset;
  // What comes before the wanted bytes counts too: a header deep in a file would be the whole file.
  if (skip + length > MAX_FETCHED_BYTES) {
    await response.cancel();
    throw appError('model_malformed', { reason: 'header too long' });
  }
  let done = 0;
  for await (const chunk of response.body) {
    const wanted = chunk.subarray(Math.min(skip, chunk.length)).subarray(0, length - done);
    skip -= Math.min(skip, chunk.length);
    bytes.set(wanted, done);
    done += wanted.length;
    if (done === length) return bytes;
  }
  throw appError('network_failed', { host: new URL(response.url).hostname, reason: 'short' });
}
