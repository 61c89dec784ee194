/** As electron-builder.yml has it: Windows shows notices of a program whose shortcut carries the same id only. */
export const APP_ID = 'app.leeward';

/** Scheme and host of every page of ours. */
export const APP_SCHEME = 'app';
export const APP_ORIGIN = 'app://leeward';
export const APP_PAGE = `${APP_ORIGIN}/`;

/** Longer addresses are data, not places; no browser's address bar shows them whole. */
const MAX_ADDRESS_LENGTH = 2_048;

/**
 * The path inside the build that an address names, or null when it is not one of ours. The address is
 * compared as it stands: nothing is decoded or resolved, so there is nothing to climb out of.
 */
export function appPathOf(url: string): string | null {
  if (!url.startsWith(APP_PAGE)) return null;
  return url.slice(APP_ORIGIN.length).split(/[?#]/, 1)[0] ?? null;
}

/** The window may only ever show our own page. Pure. */
export function isNavigationAllowed(url: string): boolean {
  const path = appPathOf(url);
  return path === '/' || path === '/index.html';
}

/** What a frame inside our page may show: the page that draws diagrams. Pure. */
export function isFrameNavigationAllowed(url: string, isMainFrame: boolean): boolean {
  return isMainFrame ? isNavigationAllowed(url) : url === `${APP_ORIGIN}/frame.html`;
}

export interface PermissionFacts {
  permission: string;
  /** As Chromium gives it, with or without a slash at the end; undefined when there is none. */
  origin: string | undefined;
  isMainFrame: boolean;
}

/** Sanitised writing to the clipboard by our own page, and nothing else. Pure. */
export function isPermissionAllowed({ permission, origin, isMainFrame }: PermissionFacts): boolean {
  const isOurs = origin === APP_ORIGIN || origin === APP_PAGE;
  return permission === 'clipboard-sanitized-write' && isOurs && isMainFrame;
}

/**
 * The address that may be offered to the system's browser, whole and with its host in ASCII, or null. Only
 * http and https: every other scheme starts a program (`smb:`, `ms-*:`, `file:`). Pure.
 */
export function externalAddress(raw: string): string | null {
  if (raw.length > MAX_ADDRESS_LENGTH || /[\p{Cc}\p{Cf}\p{Zs}\u2028\u2029\\]/u.test(raw)) return null;
  if (!/^https?:\/\/[^/]/i.test(raw)) return null;
  const url = URL.parse(raw);
  // A user name in front of the host is a way to look like another site.
  if (url === null || url.hostname === '' || url.username !== '' || url.password !== '') return null;
  return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null;
}

/** What a page of ours may ask the network for: our own files, and pictures that are already in memory. Pure. */
export function isRequestAllowed(url: string, { devTools }: { devTools: boolean }): boolean {
  if (url.startsWith(APP_PAGE) || url.startsWith(`blob:${APP_ORIGIN}/`)) return true;
  if (/^data:image\//i.test(url)) return true;
  return devTools && url.startsWith('devtools://');
}

/** What may be saved as a file: what our own page has made in memory, an export. Pure. */
export function isDownloadAllowed(url: string): boolean {
  return url.startsWith(`blob:${APP_ORIGIN}/`);
}

export interface SenderFacts {
  /** null when the frame has navigated away or is gone. */
  frame: { origin: string; isMain: boolean; isDetached: boolean } | null;
}

/** Who may talk to main: the main frame of our window while it shows our page. Pure. */
export function isSenderAllowed({ frame }: SenderFacts): boolean {
  return frame !== null && frame.isMain && !frame.isDetached && frame.origin === APP_ORIGIN;
}

/** The system's own checker on macOS and Windows; elsewhere Chromium would fetch dictionaries. Pure. */
export function isSpellCheckLocal(platform: NodeJS.Platform): boolean {
  return platform === 'darwin' || platform === 'win32';
}
