import { Notification } from 'electron';

/** As many as a person might still find in the system's list. */
const MAX_KEPT = 16;
/** A click reaches only an object that still exists. */
const kept: Notification[] = [];

export const canNotify = (): boolean => Notification.isSupported();

/** Shows a notice of the system. It says nothing of what was asked or answered. */
export function showNotice(text: { title: string; text: string }, onClick: () => void): void {
  const notice = new Notification({ title: text.title, body: text.text, silent: true });
  kept.push(notice);
  if (kept.length > MAX_KEPT) kept.shift();
  notice.on('click', onClick);
  notice.show();
}
