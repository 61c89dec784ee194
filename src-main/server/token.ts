import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** A new secret for one launch: 256 random bits, safe in a URL fragment. */
export function createToken(): string {
  return randomBytes(32).toString('base64url');
}

/** Compares in constant time. Hashing first makes the lengths equal, which the comparison needs. */
export function isSameToken(given: string | undefined, token: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given ?? ''), hash(token)) && given !== undefined;
}
