import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Duplex } from 'node:stream';
import { SOCKET_PATH } from '../contract/protocol.ts';
import { allowedAuthorities, isHostAllowed, isUpgradeAllowed } from './request-rules.ts';
import { securityHeaders } from './security-headers.ts';
import { createSockets, type SocketOptions } from './sockets.ts';
import type { StaticFile } from './static-files.ts';

/** Our requests have a short line and a browser's few headers. */
const MAX_HEADER_BYTES = 16 * 1024;
/** A loopback peer sends its headers at once; a slow one only holds a connection. */
const HEADERS_TIMEOUT_MS = 5_000;
/** Six a tab for files and one for its socket. */
const MAX_CONNECTIONS = 256;

export interface BrowserHostOptions extends SocketOptions {
  readonly host: string;
  readonly port: number;
  readonly files: ReadonlyMap<string, StaticFile>;
}

export interface BrowserHost {
  readonly port: number;
  /** Addresses under which pages are answered, without the token. */
  readonly origins: readonly string[];
  close(): Promise<void>;
}

/**
 * Starts the loopback server: static files by GET and HEAD, and one socket path.
 * @throws NodeJS.ErrnoException EADDRINUSE, EACCES, EADDRNOTAVAIL from listening
 */
export async function startBrowserHost(options: BrowserHostOptions): Promise<BrowserHost> {
  const sockets = createSockets(options);
  let authorities: readonly string[] = [];
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: HEADERS_TIMEOUT_MS,
    },
    (request, response) =>
      void answer(request, response, options.files, authorities).catch(() => response.destroy()),
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.on('upgrade', (request, socket, head) => {
    // A peer that resets the connection meanwhile must not end the process.
    socket.on('error', () => socket.destroy());
    if (pathOf(request) !== SOCKET_PATH || !isUpgradeAllowed(request.headers, authorities)) {
      options.log('socket.forbidden');
      return refuse(socket, '403 Forbidden');
    }
    if (sockets.isFull) return refuse(socket, '503 Service Unavailable');
    sockets.take(request, socket, head);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.host, port: options.port }, resolve);
  });
  const { port } = server.address() as AddressInfo;
  authorities = allowedAuthorities(options.host, port, networkInterfaces());
  return {
    port,
    origins: authorities.map((authority) => `http://${authority}`),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await sockets.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  files: ReadonlyMap<string, StaticFile>,
  authorities: readonly string[],
): Promise<void> {
  const { host } = request.headers;
  if (!isHostAllowed(host, authorities)) return end(response, 403, securityHeaders());
  const headers = securityHeaders(host);
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return end(response, 405, { ...headers, Allow: 'GET, HEAD' });
  }
  const path = pathOf(request);
  const file = files.get(path);
  const body = await file?.read();
  if (!file || !body) return end(response, 404, headers);
  response.writeHead(200, {
    ...securityHeaders(host, path),
    'Content-Type': file.type,
    'Content-Length': body.length,
    'Cache-Control': file.cacheControl,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** The path as it was sent: never decoded or normalised. */
function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}

function end(response: ServerResponse, status: number, headers: Record<string, string>): void {
  response.writeHead(status, { ...headers, 'Cache-Control': 'no-store', 'Content-Length': 0 });
  response.end();
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
