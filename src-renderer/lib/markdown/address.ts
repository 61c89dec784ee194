/** Longest part of a data address that is shown: the rest is base64 that nobody reads. */
const MAX_SHOWN = 120;

/**
 * The full address of a link that may be offered to the reader, or null. Only absolute http and https
 * addresses pass; the host of the result is in its ASCII form, so that lookalike letters can be seen.
 */
export function safeLinkAddress(raw: string): string | null {
  const decoded = raw.replace(/&amp;/gi, '&').trim();
  // Browsers drop control characters inside a scheme; an address with any of them is not one to trust.
  if (/[\p{Cc}\u2028\u2029]/u.test(decoded)) return null;
  if (!/^https?:\/\//i.test(decoded)) return null;
  try {
    const url = new URL(decoded);
    const web = url.protocol === 'http:' || url.protocol === 'https:';
    // A user name in front of the host is a way to look like another site.
    return web && url.hostname !== '' && url.username === '' && url.password === '' ? url.href : null;
  } catch {
    return null;
  }
}

/** An address as plain text, cut where it is only data. */
export function shownAddress(raw: string): string {
  return raw.length > MAX_SHOWN ? `${raw.slice(0, MAX_SHOWN)}…` : raw;
}
