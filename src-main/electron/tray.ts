import { Menu, Tray } from 'electron';
import type { App } from '../app.ts';
import type { Platform } from '../platform.ts';
import type { RunningAnswer } from './running-answers.ts';
import { trayIcon } from './tray-icon.ts';
import { trayTemplate, trayToolTip, type TrayActions } from './tray-template.ts';

export interface DesktopTray {
  /** The settings want closed windows kept, and there is an icon to get them back from. */
  readonly keepsWindow: boolean;
  /** The icon was used since the app started, so it is there to be seen. */
  readonly wasUsed: boolean;
  /** Shows what runs now. */
  update(running: readonly RunningAnswer[]): void;
}

export interface TrayOptions {
  readonly core: Pick<App, 'settings' | 'conversations'>;
  readonly actions: TrayActions;
  readonly log: Platform['log'];
}

/** The icon in the tray or the menu bar, there while the settings want it. After the app is ready. */
export function createTray({ core, actions, log }: TrayOptions): DesktopTray {
  let tray: Tray | null = null;
  let running: readonly RunningAnswer[] = [];
  let wasUsed = false;
  let drawn = '';
  let turn = 0;

  /** Every way to use the icon proves that it is there. */
  const used =
    <A extends unknown[]>(action: (...args: A) => void) =>
    (...args: A) => {
      wasUsed = true;
      action(...args);
    };
  const provingActions: TrayActions = {
    open: used(actions.open),
    showChat: used(actions.showChat),
    stopAll: used(actions.stopAll),
    quit: used(actions.quit),
  };

  async function draw(): Promise<void> {
    turn += 1;
    const mine = turn;
    const ids = [...new Set(running.map(({ conversationId }) => conversationId))];
    const known = ids.length === 0 ? [] : await core.conversations.list().catch(() => []);
    if (mine !== turn || tray === null) return;
    const titles = new Map(known.map(({ id, title }) => [id, title]));
    const facts = {
      running: running.length,
      chats: ids.map((id) => ({ id, title: titles.get(id) ?? '' })),
    };
    // A new menu closes one that is open.
    const next = JSON.stringify(facts);
    if (next === drawn) return;
    drawn = next;
    tray.setToolTip(trayToolTip(facts));
    tray.setContextMenu(Menu.buildFromTemplate(trayTemplate(facts, provingActions)));
  }

  function putUp(): void {
    try {
      tray = new Tray(trayIcon());
    } catch {
      return log('tray.failed');
    }
    // On macOS a click opens the menu.
    if (process.platform !== 'darwin') tray.on('click', provingActions.open);
    void draw();
  }

  function takeDown(): void {
    tray?.destroy();
    tray = null;
    drawn = '';
  }

  const follow = ({ showInTray }: { showInTray: boolean }) => {
    if (showInTray && tray === null) putUp();
    else if (!showInTray) takeDown();
  };
  follow(core.settings.get());
  core.settings.onChange(follow);

  return {
    get keepsWindow() {
      return tray !== null && core.settings.get().closeToTray;
    },
    get wasUsed() {
      return wasUsed;
    },
    update(now) {
      running = now;
      if (tray !== null) void draw();
    },
  };
}
