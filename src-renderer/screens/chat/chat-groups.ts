import type { ConversationSummary } from '../../../src-main/contract/index.ts';
import { dayGroupOf, type DayGroup } from '../../lib/format.ts';
import { chatTexts } from '../../texts/chat.ts';

/** Rows of the list of chats under one heading. */
export interface ChatGroup<Item = ConversationSummary> {
  key: string;
  heading: string;
  items: Item[];
}

function headingOf(group: DayGroup): string {
  if (group.kind === 'month') return group.label;
  const { today, yesterday, previousDays } = chatTexts.sidebar;
  return { today, yesterday, week: previousDays }[group.kind];
}

/** When the group began, ms since 1970, local calendar. */
function startOf(group: DayGroup, at: number, now: number): number {
  const { y, m, d } = partsOf(now);
  if (group.kind === 'today') return new Date(y, m, d).getTime();
  if (group.kind === 'yesterday') return new Date(y, m, d - 1).getTime();
  if (group.kind === 'week') return new Date(y, m, d - 7).getTime();
  const then = partsOf(at);
  return new Date(then.y, then.m, 1).getTime();
}

function partsOf(at: number): { y: number; m: number; d: number } {
  const date = new Date(at);
  return { y: date.getFullYear(), m: date.getMonth(), d: date.getDate() };
}

/**
 * Groups by day what comes newest first. Asks the calendar once a group, not once a row: ten thousand rows are
 * grouped while a frame is drawn.
 * @param timeOf ms since 1970
 */
export function groupNewestFirst<Item>(
  items: readonly Item[],
  timeOf: (item: Item) => number,
  now: number,
): ChatGroup<Item>[] {
  const groups: ChatGroup<Item>[] = [];
  let since = Number.POSITIVE_INFINITY;
  for (const item of items) {
    const at = timeOf(item);
    const last = groups.at(-1);
    if (last !== undefined && at >= since) {
      last.items.push(item);
      continue;
    }
    const group = dayGroupOf(at, now);
    since = startOf(group, at, now);
    groups.push({ key: group.key, heading: headingOf(group), items: [item] });
  }
  return groups;
}
