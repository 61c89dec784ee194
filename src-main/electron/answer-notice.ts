import type { MessageStatus } from '../contract/index.ts';
import { desktopTexts } from './texts.ts';

/** Whoever waits longer than this has turned to something else. */
export const LONG_ANSWER_MS = 20_000;

/** Whether the end of an answer may be worth a notice, before it is known how it ended. Pure. */
export function isNoticeDue(facts: { tookMs: number; isWanted: boolean; isAway: boolean }): boolean {
  return facts.isWanted && facts.isAway && facts.tookMs >= LONG_ANSWER_MS;
}

/** What a notice says of an answer; null when there is nothing to say: the person stopped it. Pure. */
export function answerNotice(status: MessageStatus): { title: string; text: string } | null {
  if (status === 'complete') return desktopTexts.answerDone;
  return status === 'stopped' ? null : desktopTexts.answerFailed;
}
