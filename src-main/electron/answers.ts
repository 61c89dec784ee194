import { type BrowserWindow, powerSaveBlocker } from 'electron';
import type { App } from '../app.ts';
import type { AppEvent } from '../contract/index.ts';
import type { Platform } from '../platform.ts';
import { answerNotice, isNoticeDue } from './answer-notice.ts';
import { canNotify, showNotice } from './notices.ts';
import { createRunningAnswers, type EndedAnswer } from './running-answers.ts';
import { createTray, type DesktopTray } from './tray.ts';

export interface Desk {
  window(): BrowserWindow | null;
  /** Brings the window to the front, or makes one. */
  show(): void;
  quit(): void;
  /** The app is about to end: answers that end now are not ready. */
  isQuitting(): boolean;
  readonly log: Platform['log'];
}

/**
 * What the system sees of the answers that run: it stays awake for them, the tray lists them, and a notice tells
 * of a long one that ended while the window was away.
 */
export function watchAnswers(core: App, desk: Desk): DesktopTray {
  const running = createRunningAnswers(() => performance.now());
  const awake = createAwake();
  const showChat = (conversationId: string) => {
    desk.show();
    core.showConversation(conversationId);
  };
  const stopAll = () => {
    for (const { messageId } of running.list) void core.conversations.stop(messageId);
  };
  const tray = createTray({
    core,
    actions: { open: desk.show, showChat, stopAll, quit: desk.quit },
    log: desk.log,
  });
  core.events.on((event) => {
    const before = running.list.length;
    const ended = running.handle(event);
    const { list } = running;
    awake.set(list.length > 0);
    if (list.length !== before || (list.length > 0 && isTitleChange(event))) tray.update(list);
    if (ended !== null) void tell(core, desk, ended, () => showChat(ended.conversationId)).catch(() => {});
  });
  return tray;
}

const isTitleChange = ({ type }: AppEvent) =>
  type === 'conversation.changed' || type === 'conversation.removed';

async function tell(core: App, desk: Desk, ended: EndedAnswer, onClick: () => void): Promise<void> {
  const isAway = desk.window()?.isFocused() !== true;
  const isWanted = core.settings.get().noticeWhenAnswered && !desk.isQuitting() && canNotify();
  if (!isNoticeDue({ tookMs: ended.tookMs, isWanted, isAway })) return;
  const { messages } = await core.conversations.get(ended.conversationId);
  const message = messages.find(({ id }) => id === ended.messageId);
  const notice = message === undefined ? null : answerNotice(message.status);
  if (notice !== null) showNotice(notice, onClick);
}

/** Keeps the system from sleeping, not the screen. */
function createAwake(): { set(on: boolean): void } {
  let blocker: number | null = null;
  return {
    set(on) {
      if (on) blocker ??= powerSaveBlocker.start('prevent-app-suspension');
      else if (blocker !== null) {
        powerSaveBlocker.stop(blocker);
        blocker = null;
      }
    },
  };
}
