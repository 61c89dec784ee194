/**
 * Chats that stay in memory, at the most. Each costs a whole context; who goes back to one further away waits for a
 * saved state instead.
 */
export const MAX_LIVE_CHATS = 4;
/** Their caches take at most this share of the memory that is free without them: the rest is for other programs. */
const LIVE_SHARE = 0.25;

interface Memory {
  ramBytes: number;
  /** 0 without a graphics card. */
  vramBytes: number;
}

/**
 * How many chats are kept in memory when nobody says. At least one. Pure.
 * @param cache of one chat at full context
 * @param free after the weights
 */
export function automaticLiveChats(cache: Memory, free: Memory): number {
  const within = (need: number, room: number) =>
    need <= 0 ? MAX_LIVE_CHATS : Math.floor((Math.max(0, room) * LIVE_SHARE) / need);
  const count = Math.min(within(cache.ramBytes, free.ramBytes), within(cache.vramBytes, free.vramBytes));
  return Math.max(1, Math.min(MAX_LIVE_CHATS, count));
}
