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
  /** Origin of the hub that the user chose, reached beside the table's hosts; null for none. */
  endpoint?: string | null;
}

const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost']);

/** True for an address of this computer. */
export const isLoopback = (url: URL): boolean => LOOPBACK.has(url.hostname);

/** What may go to an endpoint of the user's choice, besides the table. */
const ENDPOINT_PURPOSES: ReadonlySet<Purpose> = new Set(['models.search', 'models.download']);

/**
 * True when the purpose may connect to the URL: https on its own port, to a host of the table; or the very
 * origin that the user chose, which may be plain HTTP on this computer only.
 */
export function isDestinationAllowed(url: URL, purpose: Purpose, rules: DestinationRules): boolean {
  const { hosts, allowLoopback, endpoint = null } = rules;
  if (endpoint !== null && ENDPOINT_PURPOSES.has(purpose) && isEndpoint(url, endpoint)) return true;
  const isLocal = allowLoopback && isLoopback(url);
  if (!isLocal && (url.protocol !== 'https:' || url.port !== '')) return false;
  if (isLocal && url.protocol !== 'http:' && url.protocol !== 'https:') return false;
  if (url.username !== '' || url.password !== '') return false;
  return hosts[purpose].some((pattern) => matchesHost(url.hostname, pattern));
}

function isEndpoint(url: URL, endpoint: string): boolean {
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url));
  return isSafe && url.origin === URL.parse(endpoint)?.origin && url.username === '' && url.password === '';
}

function matchesHost(hostname: string, pattern: string): boolean {
  if (!pattern.startsWith('*.')) return hostname === pattern;
  const parent = pattern.slice(1);
  return hostname.length > parent.length && hostname.endsWith(parent);
}
