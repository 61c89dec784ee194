/**
 * Why the app may connect, and to which hosts. `*.x` means any host below x, not x itself. A purpose is added
 * together with the feature that needs it.
 */
export const PURPOSES = {
  'models.search': ['huggingface.co'],
  'models.download': ['huggingface.co', '*.hf.co'],
} as const satisfies Record<string, readonly string[]>;

export type Purpose = keyof typeof PURPOSES;
export type HostTable = Readonly<Record<Purpose, readonly string[]>>;

export interface DestinationRules {
  hosts: HostTable;
  /** Plain HTTP to this computer, for tests against a local server. */
  allowLoopback: boolean;
}

const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost']);

/** True when the purpose may connect to the URL: https on its own port, to a host of the table. */
export function isDestinationAllowed(
  url: URL,
  purpose: Purpose,
  { hosts, allowLoopback }: DestinationRules,
): boolean {
  const isLoopback = allowLoopback && LOOPBACK.has(url.hostname);
  if (!isLoopback && (url.protocol !== 'https:' || url.port !== '')) return false;
  if (isLoopback && url.protocol !== 'http:' && url.protocol !== 'https:') return false;
  if (url.username !== '' || url.password !== '') return false;
  return hosts[purpose].some((pattern) => matchesHost(url.hostname, pattern));
}

function matchesHost(hostname: string, pattern: string): boolean {
  if (!pattern.startsWith('*.')) return hostname === pattern;
  const parent = pattern.slice(1);
  return hostname.length > parent.length && hostname.endsWith(parent);
}
