import { createConnection, type Connected } from './connection.ts';
import { desktopTransport } from './desktop.ts';
import { takeToken } from './token.ts';
import { socketAddress, socketTransport, type Transport } from './transports.ts';

export { letInDropped } from './desktop.ts';
export type { Connected, Connection, ConnectionState } from './connection.ts';
export { portTransport, socketTransport, type Transport } from './transports.ts';

/**
 * Connects this page to the core: through the port that a desktop window's preload asks for, else the socket
 * of the host that sent the page.
 */
export function connect(transport: Transport = desktopTransport() ?? browserTransport()): Connected {
  return createConnection(transport);
}

function browserTransport(): Transport {
  const token = takeToken(window);
  // Opening a newer address in the same tab changes the fragment only, which loads nothing by itself.
  window.addEventListener('hashchange', () => {
    if (new URLSearchParams(location.hash.slice(1)).has('token')) location.reload();
  });
  return socketTransport(socketAddress(location), () => token);
}
