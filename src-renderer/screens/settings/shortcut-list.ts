import { chordOf, displayKeys, type ShortcutHost, type ShortcutId } from '../../lib/shortcuts.ts';
import { settingsTexts } from '../../texts/settings.ts';
import { matchesWords } from '../models/list.ts';

export type ShortcutGroup = 'general' | 'chat' | 'lists';

export interface ShortcutRow {
  id: ShortcutId;
  group: ShortcutGroup;
  action: string;
  keys: readonly string[];
}

const CHAT: readonly ShortcutId[] = [
  'send',
  'newLine',
  'editLast',
  'stop',
  'previousBranch',
  'nextBranch',
  'answerAgain',
  'copyLastAnswer',
  'findInChat',
  'modelPicker',
];
const LISTS: readonly ShortcutId[] = ['rename', 'trash'];

function groupOf(id: ShortcutId): ShortcutGroup {
  if (LISTS.includes(id)) return 'lists';
  return CHAT.includes(id) ? 'chat' : 'general';
}

/** The keys that a shortcut has with the "Enter sends" setting off are the other way round. */
function keysOf(id: ShortcutId, host: ShortcutHost, sendWithEnter: boolean): string[] {
  if (!sendWithEnter && id === 'send') return displayKeys({ mod: true, key: 'Enter' }, host);
  if (!sendWithEnter && id === 'newLine') return displayKeys({ key: 'Enter' }, host);
  return displayKeys(chordOf(id, host), host);
}

/** Rows of the shortcut table that hold every word of `query` in their action or keys. */
export function shortcutRows(
  ids: readonly ShortcutId[],
  host: ShortcutHost,
  options: { sendWithEnter: boolean; query: string },
): ShortcutRow[] {
  return ids
    .map((id) => ({
      id,
      group: groupOf(id),
      action: settingsTexts.shortcuts.actions[id],
      keys: keysOf(id, host, options.sendWithEnter),
    }))
    .filter((row) => matchesWords(options.query, [row.action, row.keys.join(' ')]));
}
