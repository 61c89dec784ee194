import {
  app,
  type BrowserWindow,
  Menu,
  nativeTheme,
  Notification,
  powerMonitor,
  powerSaveBlocker,
} from 'electron';
import type { App } from '../app.ts';
import type { HostCommand } from '../contract/index.ts';
import type { Platform } from '../platform.ts';
import { menuTemplate } from './menu-template.ts';
import { createRunningAnswers, LONG_ANSWER_MS } from './running-answers.ts';
import { desktopTexts } from './texts.ts';

/** Puts the native menus up. */
export function installMenu(run: (command: HostCommand) => void): void {
  const facts = { platform: process.platform, isPackaged: app.isPackaged };
  Menu.setApplicationMenu(Menu.buildFromTemplate(menuTemplate(facts, run)));
}

/** Native dialogs, menus and scroll bars follow the theme of the settings. */
export function followTheme(settings: App['settings']): void {
  nativeTheme.themeSource = settings.get().theme;
  settings.onChange(({ theme }) => (nativeTheme.themeSource = theme));
}

/**
 * Keeps the system awake while an answer is written, and tells of a long one that ended while the window was
 * away. The notice says nothing of what was asked or answered.
 */
export function watchAnswers(
  events: App['events'],
  window: () => BrowserWindow | null,
  show: () => void,
): void {
  const running = createRunningAnswers(() => performance.now());
  let blocker: number | null = null;
  events.on((event) => {
    const tookMs = running.handle(event);
    if (running.count > 0) blocker ??= powerSaveBlocker.start('prevent-app-suspension');
    else if (blocker !== null) {
      powerSaveBlocker.stop(blocker);
      blocker = null;
    }
    const isAway = window()?.isFocused() !== true;
    if (tookMs === null || tookMs < LONG_ANSWER_MS || !isAway || !Notification.isSupported()) return;
    const notice = new Notification({
      title: desktopTexts.answerDone.title,
      body: desktopTexts.answerDone.text,
      silent: true,
    });
    notice.on('click', show);
    notice.show();
  });
}

/** Sleep is logged: what was measured across it is not a speed. A shutdown of the system quits in order. */
export function watchPower(log: Platform['log']): void {
  powerMonitor.on('suspend', () => log('power.suspend'));
  powerMonitor.on('resume', () => log('power.resume'));
  powerMonitor.on('shutdown', () => app.quit());
}
