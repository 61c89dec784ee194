import FolderCog from '@lucide/svelte/icons/folder-cog';
import FolderInput from '@lucide/svelte/icons/folder-input';
import FolderPlus from '@lucide/svelte/icons/folder-plus';
import Pencil from '@lucide/svelte/icons/pencil';
import Plus from '@lucide/svelte/icons/plus';
import Trash2 from '@lucide/svelte/icons/trash-2';
import type { MenuItem } from '../../components/menu.ts';
import { displayShortcut } from '../../lib/shortcuts.ts';
import type { AppState } from '../../state/app.svelte.ts';
import { historyTexts } from '../../texts/history.ts';

const texts = historyTexts.folders;

/** The menu of a folder in the tree; `open` shows what lies inside it. */
export function folderMenu(
  app: AppState,
  folderId: string,
  row: { startRename: () => void; open: () => void },
): MenuItem[] {
  const screen = app.historyScreen;
  return [
    { label: texts.newChat, icon: Plus, onselect: () => app.newChat({ folderId }) },
    {
      label: texts.addInside,
      icon: FolderPlus,
      onselect: () => {
        row.open();
        screen.dialog = { kind: 'newFolder', parentId: folderId };
      },
    },
    {
      label: texts.rename,
      icon: Pencil,
      shortcut: displayShortcut('rename', app.shortcutHost),
      onselect: row.startRename,
    },
    {
      label: texts.defaults,
      icon: FolderCog,
      onselect: () => (screen.dialog = { kind: 'folderDefaults', folderId }),
    },
    {
      label: texts.move,
      icon: FolderInput,
      onselect: () => (screen.dialog = { kind: 'moveFolder', folderId }),
    },
    'separator',
    {
      label: texts.remove,
      icon: Trash2,
      danger: true,
      shortcut: displayShortcut('trash', app.shortcutHost),
      onselect: () => (screen.dialog = { kind: 'deleteFolder', folderId }),
    },
  ];
}
