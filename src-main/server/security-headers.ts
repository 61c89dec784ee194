/**
 * The policy of every page: its own files and its own socket, nothing inline and nothing foreign.
 * @param socketOrigin the page's own socket, if any
 */
export function contentSecurityPolicy(socketOrigin?: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    socketOrigin === undefined ? "connect-src 'self'" : `connect-src 'self' ${socketOrigin}`,
    "frame-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** The page that draws diagrams: it has no origin, may load its one script, and nothing else. */
export const FRAME_PAGE = '/frame.html';
const FRAME_SCRIPT = '/frame.js';
const FRAME_POLICY =
  "sandbox allow-scripts; default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:; " +
  "frame-ancestors 'self'";

/**
 * Sent with every answer, errors too.
 * @param authority the Host header, if it is one of ours
 * @param path of the file that is answered; only the frame's two have headers of their own
 */
export function securityHeaders(authority?: string, path?: string): Record<string, string> {
  const policy = path === FRAME_PAGE ? FRAME_POLICY : contentSecurityPolicy(authority && `ws://${authority}`);
  return {
    'Content-Security-Policy': policy,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    // A page without an origin is foreign to its own script.
    'Cross-Origin-Resource-Policy': path === FRAME_SCRIPT ? 'cross-origin' : 'same-origin',
  };
}
