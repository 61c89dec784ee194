import Archive from '@lucide/svelte/icons/archive';
import ArchiveRestore from '@lucide/svelte/icons/archive-restore';
import Download from '@lucide/svelte/icons/download';
import FolderInput from '@lucide/svelte/icons/folder-input';
import Pencil from '@lucide/svelte/icons/pencil';
import Pin from '@lucide/svelte/icons/pin';
import PinOff from '@lucide/svelte/icons/pin-off';
import RotateCcw from '@lucide/svelte/icons/rotate-ccw';
import Save from '@lucide/svelte/icons/save';
import SquareCheck from '@lucide/svelte/icons/square-check';
import TagIcon from '@lucide/svelte/icons/tag';
import Trash2 from '@lucide/svelte/icons/trash-2';
import X from '@lucide/svelte/icons/x';
import type { ConversationSummary } from '../../../src-main/contract/index.ts';
import type { MenuItem } from '../../components/menu.ts';
import { displayShortcut } from '../../lib/shortcuts.ts';
import type { AppState } from '../../state/app.svelte.ts';
import { chatTexts } from '../../texts/chat.ts';
import { historyTexts } from '../../texts/history.ts';
import { transferTexts } from '../../texts/transfer.ts';
import { chatActions } from './chat-actions.ts';

const texts = historyTexts.row;

/** The ids that a step with this row concerns: all that are ticked when the row is among them. */
function targets(app: AppState, id: string): string[] {
  const { selection } = app.historyScreen;
  return selection.active && selection.ids.has(id) ? [...selection.ids] : [id];
}

function trashItems(app: AppState, id: string): MenuItem[] {
  const ids = targets(app, id);
  return [
    {
      label: texts.restore,
      icon: RotateCcw,
      onselect: () => app.attempt(chatActions.restore(app, ids)),
    },
    selectItem(app, id),
    'separator',
    {
      label: texts.deleteForever,
      icon: Trash2,
      danger: true,
      shortcut: displayShortcut('trash', app.shortcutHost),
      onselect: () => (app.historyScreen.dialog = { kind: 'delete', ids }),
    },
  ];
}

function temporaryItems(app: AppState, id: string): MenuItem[] {
  return [
    { label: texts.keep, icon: Save, onselect: () => app.attempt(app.conversations.keep(id)) },
    'separator',
    {
      label: texts.discard,
      icon: X,
      danger: true,
      shortcut: displayShortcut('trash', app.shortcutHost),
      onselect: () => (app.historyScreen.dialog = { kind: 'discard', ids: [id] }),
    },
  ];
}

function selectItem(app: AppState, id: string): MenuItem {
  return { label: texts.select, icon: SquareCheck, onselect: () => app.historyScreen.selection.begin(id) };
}

/**
 * The menu of a chat, in a list or above its messages.
 * @param startRename shows the field for the title where the menu was opened
 * @param inList the chat can be ticked there
 */
export function chatMenu(
  app: AppState,
  chat: ConversationSummary,
  startRename: () => void,
  inList = true,
): MenuItem[] {
  if (chat.temporary) return temporaryItems(app, chat.id);
  if (chat.trashedAt !== null) return trashItems(app, chat.id);
  const ids = inList ? targets(app, chat.id) : [chat.id];
  const screen = app.historyScreen;
  const keys = (id: 'rename' | 'trash') => (inList ? displayShortcut(id, app.shortcutHost) : undefined);
  const pinned = chat.pinnedAt !== null;
  const archived = chat.archivedAt !== null;
  return [
    { label: chatTexts.sidebar.rename, icon: Pencil, shortcut: keys('rename'), onselect: startRename },
    {
      label: texts.move,
      icon: FolderInput,
      onselect: () => (screen.dialog = { kind: 'move', ids }),
    },
    { label: texts.tags, icon: TagIcon, onselect: () => (screen.dialog = { kind: 'tags', ids }) },
    { label: transferTexts.menu, icon: Download, onselect: () => (screen.dialog = { kind: 'export', ids }) },
    {
      label: pinned ? texts.unpin : texts.pin,
      icon: pinned ? PinOff : Pin,
      onselect: () => app.attempt(chatActions.pin(app, ids, !pinned)),
    },
    {
      label: archived ? texts.unarchive : texts.archive,
      icon: archived ? ArchiveRestore : Archive,
      onselect: () => app.attempt(chatActions.archive(app, ids, !archived)),
    },
    ...(inList ? [selectItem(app, chat.id)] : []),
    'separator',
    {
      label: chatTexts.sidebar.trash,
      icon: Trash2,
      danger: true,
      shortcut: keys('trash'),
      onselect: () => app.attempt(chatActions.trash(app, ids)),
    },
  ];
}
