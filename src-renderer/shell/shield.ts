import type { PrivacyState } from '../../src-main/contract/index.ts';

export type ShieldState =
  | { readonly kind: 'offline'; readonly connections: number; readonly refused: number }
  | { readonly kind: 'blocked'; readonly refused: number }
  | { readonly kind: 'open'; readonly open: number; readonly host: string }
  | { readonly kind: 'idle'; readonly connections: number };

/**
 * What the shield in the status bar says.
 * @param now ms since 1970
 * @param blockedMs how long a refusal is shown
 */
export function shieldState(privacy: PrivacyState, now: number, blockedMs: number): ShieldState {
  const { offline, connections, refused, lastRefusedAt, open } = privacy;
  if (lastRefusedAt !== null && now - lastRefusedAt < blockedMs) return { kind: 'blocked', refused };
  const first = open[0];
  if (first) return { kind: 'open', open: open.length, host: first.host };
  if (offline) return { kind: 'offline', connections, refused };
  return { kind: 'idle', connections };
}
