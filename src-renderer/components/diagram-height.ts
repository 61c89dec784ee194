/** How many heights are kept: more diagrams than anyone scrolls through. */
const MAX_KEPT = 200;
const heights = new Map<string, number>();

/** Height of a diagram that was drawn before, CSS pixels: put in again, it takes its place at once. */
export function knownHeight(source: string): number | undefined {
  return heights.get(source);
}

export function keepHeight(source: string, height: number): void {
  heights.delete(source);
  heights.set(source, height);
  for (const oldest of heights.keys()) {
    if (heights.size <= MAX_KEPT) break;
    heights.delete(oldest);
  }
}
