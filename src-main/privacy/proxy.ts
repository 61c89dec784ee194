import type { buildConnector, Client } from 'undici';

/** Until the proxy answers whether it connects. */
const PROXY_TIMEOUT_MS = 15_000;
/** What the client to the proxy is made with. */
export const PROXY_TIMEOUTS = { headersTimeout: PROXY_TIMEOUT_MS, connectTimeout: PROXY_TIMEOUT_MS };
const HTTPS_PORT = '443';

export interface Tunnel {
  /** Lets go of the proxy; what was connected through it is ended by its own client. */
  end(): Promise<void>;
}

/**
 * Connects to a host through a web proxy: the proxy learns the host's name and port, and carries TLS that it
 * cannot read. Only https goes this way; plain HTTP, which is for this computer alone, needs no proxy.
 * @param client of the proxy, `http://host:port` or `https://host:port`; ended with the tunnel
 * @param connect makes TLS on the socket that the proxy gave
 */
export function tunnelThrough(
  client: Client,
  wanted: buildConnector.Options,
  connect: buildConnector.connector,
  callback: buildConnector.Callback,
): Tunnel {
  const authority = `${wanted.hostname}:${wanted.port || HTTPS_PORT}`;
  const open = async () => {
    if (wanted.protocol !== 'https:') throw new Error('only https goes through a proxy');
    // A net.Socket in truth: undici's own type says no more than Duplex.
    const { statusCode, socket } = await client.connect({ path: authority, headers: { host: authority } });
    if (statusCode === 200) return socket;
    socket.on('error', () => {}).destroy();
    throw Object.assign(new Error('the proxy refused'), { code: `PROXY_${statusCode}` });
  };
  open().then(
    (httpSocket) =>
      connect({ ...wanted, httpSocket: httpSocket as NonNullable<typeof wanted.httpSocket> }, callback),
    (error: Error) => callback(error, null),
  );
  return { end: () => client.destroy() };
}
