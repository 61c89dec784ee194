import type { Dispatcher } from 'undici';
import { appError, errorCodeOf, isAppError, type AppError } from '../contract/index.ts';
import {
  isDestinationAllowed,
  isLoopback,
  PURPOSES,
  type DestinationRules,
  type Purpose,
} from './destinations.ts';
import { PROXY_TIMEOUTS, tunnelThrough, type Tunnel } from './proxy.ts';

const CONNECT_TIMEOUT_MS = 15_000;
/** Until the answer begins, and between two pieces of it: long enough for a slow mobile link. */
const SILENCE_TIMEOUT_MS = 60_000;
/** The Hub's longest known chain has three. */
const MAX_REDIRECTS = 5;
const REDIRECT_STATUS = new Set([301, 302, 303, 307, 308]);
/** Not carried to another host. */
const PRIVATE_HEADERS = new Set(['authorization', 'cookie']);

export interface OutboundRequest {
  url: string;
  purpose: Purpose;
  method?: 'GET' | 'HEAD' | 'POST';
  /** Names in lower case. */
  headers?: Readonly<Record<string, string>>;
  /** Sent with POST; a redirect is not followed then. */
  body?: string;
  /** Goes out although offline is on: the user allowed this very thing. Switching offline on ends it still. */
  mayPassOffline?: boolean;
  signal?: AbortSignal | undefined;
  /** A longer body ends with `network_failed`. */
  maxBytes?: number;
}

/** An answer whose body is read once: until then its connection is open and shown as such. */
export interface OutboundResponse {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Where the redirects ended. */
  url: string;
  /** The redirects on the way, in order: the first hop's headers say what a file is. */
  hops: readonly { url: string; status: number; headers: OutboundResponse['headers'] }[];
  /** Ends the connection at its end, on a break and on an error. */
  body: AsyncIterable<Uint8Array>;
  /** Ends the connection without reading the body. */
  cancel(): Promise<void>;
}

export interface OpenConnection {
  readonly host: string;
  readonly purpose: Purpose;
}

/** What the outbound client tells and asks. */
export interface OutboundHost {
  isOffline(): boolean;
  /** Origin of the hub that the user chose. */
  endpoint(): string | null;
  /** Address of the proxy that carries everything but connections to this computer; null for none. */
  proxy(): string | null;
  /** Written before anything connects. When it fails, nothing does. */
  recordOpen(connection: OpenConnection): Promise<number>;
  recordRefusal(connection: OpenConnection): Promise<void>;
  /** Bytes of requests and answers with their headers; what TLS adds around them is not counted. */
  recordEnd(id: number, sentBytes: number, receivedBytes: number, outcome: 'done' | 'failed'): Promise<void>;
  /** The list of open connections changed. */
  changed(open: readonly OpenConnection[]): void;
}

export interface OutboundOptions extends Partial<Omit<DestinationRules, 'endpoint'>> {
  /** Certificate authorities, for tests with a server of their own. */
  ca?: string;
}

export interface Outbound {
  /**
   * Sends one request on a connection of its own, closed with its answer: what is not shown as open is not
   * connected. Every redirect is checked and recorded like a first request.
   * @throws offline, host_not_allowed, network_failed, aborted, invalid_input; disk_full and store_failed when
   * the ledger cannot be written
   */
  request(request: OutboundRequest): Promise<OutboundResponse>;
  /** Ends every connection with this error, and waits until the ledger has their ends. */
  abortAll(reason: AppError): Promise<void>;
}

/** What is counted of a socket. */
interface ByteCounter {
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

interface Connection extends OpenConnection {
  readonly abort: AbortController;
  readonly sockets: ByteCounter[];
  /** Closes the connection and records its end; only the first call counts. */
  end(outcome: 'done' | 'failed'): Promise<void>;
}

/** Makes the app's only client to the outside. It uses no proxy of the environment, only the user's. */
export function createOutbound(host: OutboundHost, options: OutboundOptions = {}): Outbound {
  const rules = (): DestinationRules => ({
    hosts: options.hosts ?? PURPOSES,
    allowLoopback: options.allowLoopback ?? false,
    endpoint: host.endpoint(),
  });
  const open = new Set<Connection>();
  const ends = new Set<Promise<void>>();
  // Loaded with the first request: a twelfth of the app's memory, and many starts connect nowhere.
  const loadClient = async () => {
    const { buildConnector, Client } = await import('undici');
    const connect = buildConnector({
      timeout: CONNECT_TIMEOUT_MS,
      allowH2: false,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    });
    return { Client, connect };
  };
  let loading: ReturnType<typeof loadClient> | undefined;

  const refuse = async (code: 'offline' | 'host_not_allowed', target: OpenConnection): Promise<AppError> => {
    // Refused all the same when the ledger cannot be written.
    await host.recordRefusal(target).catch(() => {});
    return appError(code, { host: target.host, purpose: target.purpose });
  };

  const begin = async (
    target: OpenConnection,
    close: () => Promise<void>,
    sockets: ByteCounter[],
  ): Promise<Connection> => {
    const abort = new AbortController();
    const recorded = host.recordOpen(target);
    let ended: Promise<void> | undefined;
    const finish = async (outcome: 'done' | 'failed') => {
      await close();
      open.delete(connection);
      host.changed([...open]);
      const sent = sockets.reduce((sum, socket) => sum + socket.bytesWritten, 0);
      const received = sockets.reduce((sum, socket) => sum + socket.bytesRead, 0);
      const id = await recorded.catch(() => undefined);
      if (id !== undefined) await host.recordEnd(id, sent, received, outcome);
    };
    const connection: Connection = {
      ...target,
      abort,
      sockets,
      end(outcome) {
        if (!ended) {
          ended = finish(outcome);
          const tracked = ended.finally(() => ends.delete(tracked));
          ends.add(tracked);
        }
        return ended;
      },
    };
    open.add(connection);
    host.changed([...open]);
    try {
      await recorded;
    } catch (error) {
      await connection.end('failed');
      throw error;
    }
    return connection;
  };

  /** One request, redirects not followed. */
  const hop = async (url: URL, request: OutboundRequest, headers: Record<string, string>) => {
    const target = { host: url.hostname, purpose: request.purpose };
    // Before every check: nothing may change between them and the connection.
    const { Client, connect } = await (loading ??= loadClient());
    const isOffline = () => host.isOffline() && request.mayPassOffline !== true;
    if (!isDestinationAllowed(url, request.purpose, rules())) throw await refuse('host_not_allowed', target);
    if (isOffline()) throw await refuse('offline', target);
    if (request.signal?.aborted) throw appError('aborted');

    const sockets: ByteCounter[] = [];
    const proxy = proxyFor(url, host.proxy());
    let tunnel: Tunnel | undefined;
    const client = new Client(url.origin, {
      headersTimeout: SILENCE_TIMEOUT_MS,
      bodyTimeout: SILENCE_TIMEOUT_MS,
      connect: (wanted, callback) => {
        // The last door: whatever the client wants, only the host that was checked is reached.
        if (isOffline() || `${wanted.protocol}//${wanted.host}` !== url.origin) {
          callback(new Error('connection refused by the app'), null);
          return;
        }
        const connected: typeof callback = (...result) => {
          if (result[1]) sockets.push(result[1]);
          callback(...result);
        };
        if (proxy === null) connect(wanted, connected);
        else tunnel = tunnelThrough(new Client(proxy, PROXY_TIMEOUTS), wanted, connect, connected);
      },
    });
    const close = async () => {
      await client.destroy();
      await tunnel?.end();
    };
    const connection = await begin(target, close, sockets);
    const onAbort = () => connection.abort.abort(appError('aborted'));
    request.signal?.addEventListener('abort', onAbort, { once: true });
    const end = async (outcome: 'done' | 'failed') => {
      request.signal?.removeEventListener('abort', onAbort);
      await connection.end(outcome);
    };
    try {
      if (request.signal?.aborted) onAbort();
      const response = await client.request({
        method: request.method ?? 'GET',
        path: `${url.pathname}${url.search}`,
        headers: { 'user-agent': 'Leeward', 'accept-encoding': 'identity', ...headers },
        body: request.method === 'POST' ? (request.body ?? '') : null,
        signal: connection.abort.signal,
        reset: true,
      });
      return { response, connection, end };
    } catch (error) {
      await end('failed');
      throw asNetworkError(error, connection);
    }
  };

  return {
    async request(request) {
      let url = parseUrl(request.url);
      let headers = { ...request.headers };
      const hops: OutboundResponse['hops'][number][] = [];
      while (hops.length <= MAX_REDIRECTS) {
        const { response, connection, end } = await hop(url, request, headers);
        const location = response.headers.location;
        const isRedirect = REDIRECT_STATUS.has(response.statusCode) && request.method !== 'POST';
        if (!isRedirect || typeof location !== 'string') {
          return responseOf(url, hops, response, connection, end, request.maxBytes ?? Infinity);
        }
        hops.push({ url: url.href, status: response.statusCode, headers: response.headers });
        response.body.on('error', () => {}).destroy();
        await end('done');
        const next = parseUrl(location, url);
        if (next.host !== url.host) headers = withoutPrivate(headers);
        url = next;
      }
      throw appError('network_failed', { host: url.hostname, reason: 'redirects' });
    },
    async abortAll(reason) {
      for (const connection of open) {
        connection.abort.abort(reason);
        void connection.end('failed');
      }
      await Promise.allSettled([...ends]);
    },
  };
}

function responseOf(
  url: URL,
  hops: OutboundResponse['hops'],
  response: Dispatcher.ResponseData,
  connection: Connection,
  end: (outcome: 'done' | 'failed') => Promise<void>,
  maxBytes: number,
): OutboundResponse {
  return {
    status: response.statusCode,
    headers: response.headers,
    url: url.href,
    hops,
    body: readBody(response, connection, end, maxBytes),
    async cancel() {
      response.body.on('error', () => {}).destroy();
      await end('done');
    },
  };
}

async function* readBody(
  response: Dispatcher.ResponseData,
  connection: Connection,
  end: (outcome: 'done' | 'failed') => Promise<void>,
  maxBytes: number,
): AsyncGenerator<Uint8Array, void> {
  let outcome: 'done' | 'failed' = 'done';
  let received = 0;
  try {
    const chunks: AsyncIterable<Uint8Array> = response.body;
    for await (const chunk of chunks) {
      received += chunk.length;
      if (received > maxBytes)
        throw appError('network_failed', { host: connection.host, reason: 'too_large' });
      yield chunk;
    }
  } catch (error) {
    outcome = 'failed';
    throw asNetworkError(error, connection);
  } finally {
    await end(outcome);
  }
}

function asNetworkError(error: unknown, { abort, host }: Connection): AppError {
  if (isAppError(abort.signal.reason)) return abort.signal.reason;
  if (isAppError(error) && errorCodeOf(error) === 'network_failed') return error;
  const code =
    error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
  return appError('network_failed', { host, reason: code }, { cause: error });
}

/** Connections to this computer need no one in between. */
function proxyFor(url: URL, proxy: string | null): string | null {
  return isLoopback(url) ? null : proxy;
}

function parseUrl(text: string, base?: URL): URL {
  const url = base ? URL.parse(text, base.href) : URL.parse(text);
  if (!url) throw appError(base ? 'network_failed' : 'invalid_input', { reason: 'url' });
  return url;
}

function withoutPrivate(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !PRIVATE_HEADERS.has(name.toLowerCase())),
  );
}
