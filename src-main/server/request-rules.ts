import type { NetworkInterfaceInfo } from 'node:os';
import { isIPv6 } from 'node:net';
import { LOOPBACK } from './arguments.ts';

const WILDCARDS = new Set(['0.0.0.0', '::']);

/** `host:port` as a browser writes it: brackets around IPv6, no port 80, lower case. */
export function authorityOf(host: string, port: number): string {
  const name = isIPv6(host) ? `[${host.toLowerCase()}]` : host.toLowerCase();
  return port === 80 ? name : `${name}:${port}`;
}

/**
 * Every Host header that is answered. Names are none of them unless the user gave one: a name can be made to
 * resolve to this computer by a stranger (DNS rebinding), an address cannot.
 */
export function allowedAuthorities(
  host: string,
  port: number,
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>,
): string[] {
  if (!WILDCARDS.has(host)) return [authorityOf(host, port)];
  const addresses = Object.values(interfaces)
    .flatMap((list) => (list ?? []).map(({ address }) => address))
    // 0.0.0.0 listens on IPv4 alone; a link-local address needs a zone, which no address bar takes.
    .filter((address) => (isIPv6(address) ? host === '::' && !address.startsWith('fe80:') : true));
  return [...new Set([LOOPBACK, ...addresses])].map((address) => authorityOf(address, port));
}

/** True when only this computer can reach the address. */
export function isLoopback(host: string): boolean {
  return /^127(\.\d{1,3}){3}$/.test(host) || host === '::1' || host === 'localhost';
}

/** A plain request is answered under an address of our own only. */
export function isHostAllowed(host: string | undefined, authorities: readonly string[]): boolean {
  return host !== undefined && authorities.includes(host);
}

/** A socket is opened only by a page that this server sent, under the address that it was sent from. */
export function isUpgradeAllowed(
  headers: { host?: string | undefined; origin?: string | undefined },
  authorities: readonly string[],
): boolean {
  return isHostAllowed(headers.host, authorities) && headers.origin === `http://${headers.host}`;
}
