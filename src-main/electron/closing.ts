import { app, type BrowserWindow } from 'electron';
import { closeAction } from './close-action.ts';
import type { DesktopTray } from './tray.ts';

export interface Quitting {
  /** The app is about to end, so that its windows must close. */
  readonly isUnderWay: boolean;
  /** The system ends the app: nobody is there to be asked, and it may be cut off at any moment. */
  readonly isForced: boolean;
  /** Quits in order without a question, because the system ends the app. */
  force(): void;
  /** A page held its window back, and with it the app. */
  cancelled(): void;
}

/** Follows whether the app quits, whoever asks. */
export function followQuit(): Quitting {
  let isUnderWay = false;
  let isForced = false;
  app.on('before-quit', () => (isUnderWay = true));
  return {
    get isUnderWay() {
      return isUnderWay;
    },
    get isForced() {
      return isForced;
    },
    force() {
      isForced = true;
      app.quit();
    },
    cancelled: () => (isUnderWay = false),
  };
}

/** Keeps a window in the tray that a person closes, where the settings say so. */
export function keepInTray(
  window: BrowserWindow,
  { quitting, tray }: { quitting: Quitting; tray: DesktopTray },
): void {
  window.on('close', (event) => {
    const action = closeAction({
      platform: process.platform,
      keepsInTray: tray.keepsWindow,
      trayWasUsed: tray.wasUsed,
      isQuitting: quitting.isUnderWay,
    });
    if (action === 'close') return;
    event.preventDefault();
    if (action === 'hide') window.hide();
    else window.minimize();
  });
}
