export interface ClosingFacts {
  platform: NodeJS.Platform;
  /** The settings want it, and the tray's icon was put up. */
  keepsInTray: boolean;
  /** The icon was used since the app started. */
  trayWasUsed: boolean;
  isQuitting: boolean;
}

/**
 * What happens to a window that a person closes. A desktop of Linux may show no tray, and Electron cannot tell
 * (electron issue 5872): until its icon was used once, the window is only minimised there, so that it is
 * never out of reach. On macOS the app stays in the dock without a window. Pure.
 */
export function closeAction(facts: ClosingFacts): 'close' | 'hide' | 'minimise' {
  const { platform, keepsInTray, trayWasUsed, isQuitting } = facts;
  if (isQuitting || !keepsInTray || platform === 'darwin') return 'close';
  return platform === 'linux' && !trayWasUsed ? 'minimise' : 'hide';
}
