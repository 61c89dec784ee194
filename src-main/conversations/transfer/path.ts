import type { StoredMessage } from '../../store/api.ts';

/** The branch that ends at `leafId`, root first; without one, that of the newest message. Pure. */
export function branchTo(messages: readonly StoredMessage[], leafId: string | null): StoredMessage[] {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const branch: StoredMessage[] = [];
  const seen = new Set<string>();
  let current = (leafId === null ? undefined : byId.get(leafId)) ?? messages.at(-1);
  while (current && !seen.has(current.id)) {
    seen.add(current.id);
    branch.push(current);
    current = current.parentId === null ? undefined : byId.get(current.parentId);
  }
  return branch.reverse();
}
