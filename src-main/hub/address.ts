/** What a pasted address asks for. */
export interface HubAddress {
  /** `owner/name`. */
  repo: string;
  /** Branch, tag or commit; null: the newest. */
  revision: string | null;
  /** Of a file; null when it names none. */
  path: string | null;
  /** In capitals, as in file names; null when it names none. */
  quant: string | null;
}

const NAME = String.raw`[A-Za-z0-9][\w.-]{0,95}`;
const REPO = new RegExp(`^(${NAME})/(${NAME})$`, 'u');
const SHORT = new RegExp(`^(${NAME}/${NAME})(?::([A-Za-z0-9][\\w.-]{0,39}))?$`, 'u');
/** Hosts of the Hub itself; a mirror's host is the caller's. */
const HOSTS = new Set(['huggingface.co', 'www.huggingface.co', 'hf.co']);
/** First steps of the site's own pages, which look like owners. */
const RESERVED = new Set(
  (
    'api blog chat collections datasets docs enterprise inference join languages learn login logout models new ' +
    'organizations papers posts pricing privacy search settings spaces storage support tasks terms-of-service'
  ).split(' '),
);
/** What lies around an address in a sentence. */
const WRAPPING = /^[\s<("'`[]+|[\s>)"'`\],.;:!?]+$/gu;
/** Steps of a page's address that are followed by a revision. */
const WITH_REVISION = new Set(['blob', 'resolve', 'raw', 'tree', 'commit']);

/**
 * Reads what a person pastes: `owner/name`, `hf:owner/name[:quant]`, `hf.co/owner/name[:quant]`, the web
 * address of a model's page or of one of its files, with what often hangs on at either end.
 * @param endpointHost host and port of a mirror, accepted like the Hub's own
 * @returns null for anything else, the addresses of other hosts and of other pages included
 */
export function parseHubAddress(text: string, endpointHost?: string): HubAddress | null {
  const trimmed = text.replace(WRAPPING, '');
  if (/^hf:/iu.test(trimmed)) return parseShort(trimmed.slice(3).replace(/^\/\//u, ''));
  if (/^[a-z][a-z0-9+.-]*:\/\//iu.test(trimmed)) return parseUrl(trimmed, endpointHost);
  const [first = ''] = trimmed.split('/');
  // A host without its scheme, as it is copied from an address bar.
  if (HOSTS.has(first.toLowerCase())) return parseUrl(`https://${trimmed}`, endpointHost);
  return parseShort(trimmed.replace(/[?#].*$/u, '').replace(/\/+$/u, ''));
}

function parseShort(text: string): HubAddress | null {
  const [, repo = '', quant] = SHORT.exec(text) ?? [];
  return isRepo(repo) ? { repo, revision: null, path: null, quant: quant?.toUpperCase() ?? null } : null;
}

function parseUrl(text: string, endpointHost: string | undefined): HubAddress | null {
  const url = URL.parse(text);
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) return null;
  if (url.username !== '' || url.password !== '') return null;
  const isHub = HOSTS.has(url.hostname) && url.port === '';
  if (!isHub && url.host !== endpointHost) return null;
  const steps = url.pathname.split('/').filter(Boolean).map(decoded);
  const [owner = '', last = '', verb, revision, ...rest] = steps;
  if (steps.includes(null)) return null;
  const short = steps.length === 2 ? parseShort(`${owner}/${last}`) : null;
  if (short) return short;
  const repo = `${owner}/${last}`;
  if (!isRepo(repo)) return null;
  if (verb === undefined || verb === null || !WITH_REVISION.has(verb))
    return { repo, revision: null, path: null, quant: null };
  const isFile = verb !== 'tree' && verb !== 'commit';
  const path = isFile && rest.length > 0 ? rest.join('/') : null;
  return { repo, revision: revision ?? null, path: path !== null && isPath(path) ? path : null, quant: null };
}

function isRepo(repo: string): boolean {
  const [, owner = '', name = ''] = REPO.exec(repo) ?? [];
  if (owner === '' || RESERVED.has(owner.toLowerCase())) return false;
  // As the Hub names repositories: these would be read as paths.
  return !/\.\.|--|[-.]$/u.test(owner) && !/\.\.|\.git$/u.test(name);
}

const isPath = (path: string) =>
  path.split('/').every((step) => step !== '' && step !== '.' && step !== '..');

function decoded(step: string): string | null {
  try {
    return decodeURIComponent(step);
  } catch {
    return null;
  }
}
