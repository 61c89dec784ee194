import { isLayerOpen, matchShortcut, type ShortcutHost, type ShortcutId } from '../lib/shortcuts.ts';
import type { AppState } from '../state/app.svelte.ts';
import { cycleRegion } from './regions.ts';

/** Shortcuts that do something in this version, in the order of a list. */
const ACTIVE: readonly ShortcutId[] = [
  'newChat',
  'page1',
  'page2',
  'settings',
  'sidebar',
  'modelPicker',
  'nextRegion',
  'previousRegion',
  'send',
  'newLine',
  'stop',
  'previousBranch',
  'nextBranch',
  'answerAgain',
  'copyLastAnswer',
  'rename',
  'trash',
  'offline',
  'shortcuts',
];

/** In a browser tab Ctrl R reloads; people press it for that, and an answer is no fair surprise. */
const NOT_IN_BROWSER_TAB: readonly ShortcutId[] = ['answerAgain'];

/** The shortcuts that work on this host. */
export function activeShortcuts(host: ShortcutHost): ShortcutId[] {
  return ACTIVE.filter((id) => !host.browserTab || !NOT_IN_BROWSER_TAB.includes(id));
}

/** Runs a shortcut that works on every screen. @returns false when it is none of them */
function runEverywhere(id: ShortcutId, app: AppState): boolean {
  switch (id) {
    case 'newChat':
      app.newChat();
      return true;
    case 'page1':
      app.navigation.goScreen('chat');
      return true;
    case 'page2':
      app.navigation.goScreen('models');
      return true;
    case 'settings':
      app.navigation.openSettings();
      return true;
    case 'shortcuts':
      app.navigation.openSettings('shortcuts');
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

/** Handles a key press that nothing nearer to the focus has taken. */
export function globalShortcuts(event: KeyboardEvent, app: AppState): void {
  if (event.defaultPrevented || isLayerOpen()) return;
  const id = matchShortcut(event, app.shortcutHost);
  if (id === undefined || !activeShortcuts(app.shortcutHost).includes(id)) return;
  if (app.commands.run(id) || runEverywhere(id, app)) event.preventDefault();
}
