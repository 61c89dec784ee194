import type { Message } from '../../src-main/contract/index.ts';

/** One message on screen, with its place among the other versions of the same turn. */
export interface Turn {
  readonly message: Message;
  /** Versions of this turn, oldest first, this one among them. */
  readonly siblings: readonly Message[];
  /** Place of this one in `siblings`, from 0. */
  readonly index: number;
}

/**
 * The branch that ends at `activeLeafId`, root first. Without a leaf (or with an unknown one) the newest
 * message's branch.
 */
export function branchOf(messages: readonly Message[], activeLeafId: string | null): Turn[] {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const children = new Map<string | null, Message[]>();
  for (const message of messages) {
    const list = children.get(message.parentId);
    if (list) list.push(message);
    else children.set(message.parentId, [message]);
  }
  const turns: Turn[] = [];
  const seen = new Set<string>();
  let current = (activeLeafId === null ? undefined : byId.get(activeLeafId)) ?? messages.at(-1);
  while (current && !seen.has(current.id)) {
    seen.add(current.id);
    const siblings = children.get(current.parentId) ?? [current];
    turns.push({ message: current, siblings, index: siblings.indexOf(current) });
    current = current.parentId === null ? undefined : byId.get(current.parentId);
  }
  return turns.reverse();
}

/** The version `step` places before or after this one; null at the ends. */
export function siblingOf(turn: Turn, step: 1 | -1): Message | null {
  return turn.siblings[turn.index + step] ?? null;
}
