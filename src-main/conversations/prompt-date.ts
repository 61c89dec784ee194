/**
 * The day a chat was begun, as the computer counts days: what a template writes as today's, in every prompt of it.
 * @param createdAt of the conversation, in ms since the epoch
 * @returns YYYY-MM-DD
 */
export function promptDate(createdAt: number): string {
  const day = new Date(createdAt);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${String(day.getFullYear()).padStart(4, '0')}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}
