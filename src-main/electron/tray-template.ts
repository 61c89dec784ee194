import type { MenuItemConstructorOptions } from 'electron';
import { desktopTexts } from './texts.ts';

/** More would make a menu that no one reads; the window shows them all. */
const MAX_CHATS = 8;
const MAX_TITLE_CHARACTERS = 40;

export interface TrayFacts {
  /** Answers that run or wait. */
  running: number;
  /** Their chats, each once. */
  chats: readonly { id: string; title: string }[];
}

export interface TrayActions {
  open(): void;
  showChat(conversationId: string): void;
  stopAll(): void;
  quit(): void;
}

const texts = desktopTexts.tray;
const separator: MenuItemConstructorOptions = { type: 'separator' };

/** The menu of the tray's icon. Pure. */
export function trayTemplate(
  { running, chats }: TrayFacts,
  actions: TrayActions,
): MenuItemConstructorOptions[] {
  const shown = chats.slice(0, MAX_CHATS);
  const more = chats.length - shown.length;
  return [
    { id: 'tray.open', label: texts.open, click: actions.open },
    separator,
    { id: 'tray.running', label: texts.running(running), enabled: false },
    ...shown.map(({ id, title }) => ({
      id: `tray.chat.${id}`,
      label: menuLabel(title),
      click: () => actions.showChat(id),
    })),
    ...(more > 0 ? [{ id: 'tray.more', label: texts.more(more), enabled: false }] : []),
    ...(running > 0 ? [{ id: 'tray.stop', label: texts.stopAll(running), click: actions.stopAll }] : []),
    separator,
    { id: 'tray.quit', label: texts.quit, click: actions.quit },
  ];
}

/** What the icon says under the pointer: no title, since others may look on. Pure. */
export function trayToolTip({ running }: Pick<TrayFacts, 'running'>): string {
  return running === 0 ? desktopTexts.appName : texts.toolTip(running);
}

/** A title as it stands in a menu: one line, cut, without signs that turn its direction or mark a key. Pure. */
export function menuLabel(title: string): string {
  const plain = title
    .replace(/[\p{Cc}\s]+/gu, ' ')
    // But the joiners, which emoji and some scripts are written with.
    .replace(/[\p{Cf}--[\u200C\u200D]]/gv, '')
    .trim();
  const characters = [...new Intl.Segmenter().segment(plain)].map(({ segment }) => segment);
  const cut =
    characters.length > MAX_TITLE_CHARACTERS
      ? `${characters.slice(0, MAX_TITLE_CHARACTERS).join('').trimEnd()} …`
      : plain;
  return (cut === '' ? texts.untitled : cut).replaceAll('&', '&&');
}
