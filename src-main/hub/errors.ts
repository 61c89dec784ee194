import { appError, type AppError } from '../contract/index.ts';

/** Reads a header by its name in lower case. */
type ReadHeader = (name: string) => string | null;

/** Longer than any window of the hub's limits: a hostile date must not silence it for ever. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/**
 * Turns an answer of the hub that is no success into an error of the contract. The hub tells the reason in
 * `X-Error-Code`; without a token it says 401 for what is private and for what is not there alike.
 */
export function hubErrorOf(status: number, header: ReadHeader, host: string): AppError {
  const code = header('x-error-code');
  if (status === 429) return appError('hub_rate_limited', { retryAfterMs: retryAfterMs(header) });
  if (code === 'GatedRepo')
    return appError('hub_gated', { reason: status === 401 ? 'no_token' : 'no_access' });
  if (status === 401 && /credentials/iu.test(header('x-error-message') ?? '')) {
    return appError('hub_gated', { reason: 'bad_token' });
  }
  if (code === 'RepoNotFound' || code === 'RevisionNotFound' || code === 'EntryNotFound') {
    return appError('not_found');
  }
  if (status === 401 || status === 404) return appError('not_found');
  // The hub gives a reason; a firewall in between does not.
  if (status === 403 && header('x-error-message') !== null)
    return appError('hub_gated', { reason: 'no_access' });
  return appError('network_failed', { host, reason: String(status) });
}

/** Milliseconds to wait, from `Retry-After` (seconds or a date) or the hub's `RateLimit` (`t=` seconds). */
export function retryAfterMs(header: ReadHeader, now = Date.now()): number | null {
  const retryAfter = header('retry-after')?.trim() ?? '';
  const seconds = /^\d+$/u.test(retryAfter)
    ? Number(retryAfter)
    : retryAfter !== ''
      ? (Date.parse(retryAfter) - now) / 1_000
      : Number(/(?:^|;)\s*t=(\d+)/u.exec(header('ratelimit') ?? '')?.[1] ?? NaN);
  if (!Number.isFinite(seconds)) return null;
  return Math.min(Math.max(0, Math.ceil(seconds * 1_000)), MAX_RETRY_AFTER_MS);
}
