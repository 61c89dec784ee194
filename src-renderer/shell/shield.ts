import type { PrivacyState } from '../../src-main/contract/index.ts';

export type ShieldState =
  | { readonly kind: 'offline'; readonly connections: number; readonly refused: number }
  | { readonly kind: 'blocked'; readonly refused: number }
  | {
      readonly kind: 'downloading';
      readonly downloads: number;
      readonly host: string;
      readonly connections: number;
    }
  | { readonly kind: 'open'; readonly open: number; readonly host: string }
  | { readonly kind: 'idle'; readonly connections: number };

/**
 * What the shield in the status bar says.
 * @param now ms since 1970
 * @param blockedMs how long a refusal is shown
 * @param downloads that use the network now
 */
export function shieldState(
  privacy: PrivacyState,
  now: number,
  blockedMs: number,
  downloads = 0,
): ShieldState {
  const { offline, connections, refused, lastRefusedAt, open } = privacy;
  if (lastRefusedAt !== null && now - lastRefusedAt < blockedMs) return { kind: 'blocked', refused };
  const first = open[0];
  const download = open.find(({ purpose }) => purpose === 'models.download');
  if (downloads > 0 && download) return { kind: 'downloading', downloads, host: download.host, connections };
  if (first) return { kind: 'open', open: open.length, host: first.host };
  if (offline) return { kind: 'offline', connections, refused };
  return { kind: 'idle', connections };
}
