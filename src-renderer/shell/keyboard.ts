import {
  isLayerOpen,
  isTextField,
  matchShortcut,
  type ShortcutHost,
  type ShortcutId,
} from '../lib/shortcuts.ts';
import type { AppState } from '../state/app.svelte.ts';
import { cycleRegion } from './regions.ts';

/** Shortcuts that do something in this version, in the order of a list. */
const ACTIVE: readonly ShortcutId[] = [
  'palette',
  'newChat',
  'temporaryChat',
  'findInChat',
  'searchChats',
  'page1',
  'page2',
  'page3',
  'settings',
  'sidebar',
  'inspector',
  'modelPicker',
  'nextRegion',
  'previousRegion',
  'send',
  'newLine',
  'editLast',
  'stop',
  'previousBranch',
  'nextBranch',
  'answerAgain',
  'copyLastAnswer',
  'rename',
  'trash',
  'offline',
  'shortcuts',
  'help',
];

/** In a browser tab Ctrl R reloads; people press it for that, and an answer is no fair surprise. */
const NOT_IN_BROWSER_TAB: readonly ShortcutId[] = ['answerAgain'];

/** The shortcuts that work on this host. */
export function activeShortcuts(host: ShortcutHost): ShortcutId[] {
  return ACTIVE.filter((id) => !host.browserTab || !NOT_IN_BROWSER_TAB.includes(id));
}

/** What works on every screen, besides what the screen offers. */
const EVERYWHERE: readonly ShortcutId[] = [
  'palette',
  'newChat',
  'temporaryChat',
  'searchChats',
  'page1',
  'page2',
  'page3',
  'settings',
  'shortcuts',
  'help',
  'offline',
  'nextRegion',
  'previousRegion',
];

/** Runs a shortcut that works on every screen. @returns false when it is none of them */
function runEverywhere(id: ShortcutId, app: AppState): boolean {
  switch (id) {
    case 'palette':
      app.palette.open = true;
      return true;
    case 'newChat':
      app.newChat();
      return true;
    case 'temporaryChat':
      app.newChat({ temporary: true, folderId: null });
      return true;
    case 'searchChats':
      app.navigation.goScreen('chat');
      app.historyScreen.searchWanted = true;
      return true;
    case 'page1':
      app.navigation.goScreen('chat');
      return true;
    case 'page2':
      app.navigation.goScreen('models');
      return true;
    case 'page3':
      app.navigation.goScreen('performance');
      return true;
    case 'settings':
      app.navigation.openSettings();
      return true;
    case 'shortcuts':
      app.navigation.openSettings('shortcuts');
      return true;
    case 'help':
      app.attempt(app.openHelp());
      return true;
    case 'offline':
      app.attempt(app.privacy.setOffline(!app.privacy.state.offline));
      return true;
    case 'nextRegion':
      cycleRegion(document, 1);
      return true;
    case 'previousRegion':
      cycleRegion(document, -1);
      return true;
    default:
      return false;
  }
}

/** Whether the shortcut does something on the screen that is shown. */
export function canRun(id: ShortcutId, app: AppState): boolean {
  return app.commands.has(id) || EVERYWHERE.includes(id);
}

/** Does what a shortcut stands for. @returns false when nothing on screen offers it */
export function runShortcut(id: ShortcutId, app: AppState): boolean {
  return app.commands.run(id) || runEverywhere(id, app);
}

/** Handles a key press that nothing nearer to the focus has taken. */
export function globalShortcuts(event: KeyboardEvent, app: AppState): void {
  if (event.defaultPrevented || isLayerOpen()) return;
  const id = matchShortcut(event, app.shortcutHost, 'global', isTextField(event.target));
  if (id === undefined || !activeShortcuts(app.shortcutHost).includes(id)) return;
  if (runShortcut(id, app)) event.preventDefault();
}
