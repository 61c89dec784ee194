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

/** Sent with every answer, errors too. @param authority the Host header, if it is one of ours */
export function securityHeaders(authority?: string): Record<string, string> {
  return {
    'Content-Security-Policy': contentSecurityPolicy(authority && `ws://${authority}`),
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
  };
}
