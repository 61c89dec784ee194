import type { ContextMenuParams, MenuItemConstructorOptions } from 'electron';
import type { HostCommand } from '../contract/index.ts';
import { desktopTexts } from './texts.ts';

export interface MenuFacts {
  platform: NodeJS.Platform;
  /** Reloading and the developer tools are for development. */
  isPackaged: boolean;
}

const texts = desktopTexts.menu;
const separator: MenuItemConstructorOptions = { type: 'separator' };

/** The native menus of a system. Pure. @param run carries out a command in the page */
export function menuTemplate(
  { platform, isPackaged }: MenuFacts,
  run: (command: HostCommand) => void,
): MenuItemConstructorOptions[] {
  const isMac = platform === 'darwin';
  // The page takes its own keys first; where the system allows it, the menu only shows them.
  const item = (command: HostCommand, label: string, accelerator?: string): MenuItemConstructorOptions => ({
    id: command,
    label,
    click: () => run(command),
    ...(accelerator === undefined ? {} : { accelerator, registerAccelerator: false }),
  });
  const settings = item('settings', texts.settings, 'CmdOrCtrl+,');
  const about: MenuItemConstructorOptions = { role: 'about', label: texts.about };
  const application: MenuItemConstructorOptions = {
    role: 'appMenu',
    label: desktopTexts.appName,
    submenu: [
      about,
      separator,
      settings,
      separator,
      { role: 'services' },
      separator,
      { role: 'hide' },
      { role: 'hideOthers' },
      { role: 'unhide' },
      separator,
      { role: 'quit' },
    ],
  };
  const view: MenuItemConstructorOptions[] = [
    item('chat', texts.chat, 'CmdOrCtrl+1'),
    item('models', texts.models, 'CmdOrCtrl+2'),
    item('performance', texts.performance, 'CmdOrCtrl+3'),
    separator,
    { role: 'resetZoom' },
    { role: 'zoomIn' },
    { role: 'zoomOut' },
    separator,
    { role: 'togglefullscreen' },
    ...(isPackaged ? [] : [separator, { role: 'toggleDevTools' } as const]),
  ];
  return [
    ...(isMac ? [application] : []),
    {
      role: 'fileMenu',
      label: texts.file,
      submenu: [
        item('newChat', texts.newChat, 'CmdOrCtrl+N'),
        item('openModel', texts.openModel),
        separator,
        ...(isMac ? [{ role: 'close' } as const] : [settings, separator, { role: 'quit' } as const]),
      ],
    },
    { role: 'editMenu', label: texts.edit },
    { label: texts.view, submenu: view },
    { role: 'windowMenu', label: texts.window },
    {
      role: 'help',
      label: texts.help,
      submenu: [item('shortcuts', texts.shortcuts, 'CmdOrCtrl+/'), ...(isMac ? [] : [separator, about])],
    },
  ];
}

/** What of a right click decides its menu. */
export type MenuPlace = Pick<
  ContextMenuParams,
  'isEditable' | 'selectionText' | 'misspelledWord' | 'dictionarySuggestions'
> & { editFlags: Pick<ContextMenuParams['editFlags'], 'canCut' | 'canCopy' | 'canPaste' | 'canSelectAll'> };

/**
 * Spelling first, then what can be done with text. Pure; empty where there is nothing to do.
 * @param correct puts a word in the place of the misspelled one
 */
export function contextMenuTemplate(
  place: MenuPlace,
  correct: (word: string) => void,
): MenuItemConstructorOptions[] {
  const { editFlags, isEditable, misspelledWord, selectionText } = place;
  const { canCut, canCopy, canPaste, canSelectAll } = editFlags;
  const texts = desktopTexts.contextMenu;
  const words = misspelledWord === '' ? [] : place.dictionarySuggestions;
  const spelling = words.map((word) => ({ label: word, click: () => correct(word) }));
  const copy: MenuItemConstructorOptions = { role: 'copy', label: texts.copy, enabled: canCopy };
  if (!isEditable) return selectionText.trim() === '' ? [] : [copy];
  return [
    ...spelling,
    ...(spelling.length > 0 ? [separator] : []),
    { role: 'cut', label: texts.cut, enabled: canCut },
    copy,
    { role: 'paste', label: texts.paste, enabled: canPaste },
    separator,
    { role: 'selectAll', label: texts.selectAll, enabled: canSelectAll },
  ];
}
