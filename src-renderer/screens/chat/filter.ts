function fold(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLocaleLowerCase();
}

/** Whether a title contains every word of the filter; case and accents do not count. */
export function matchesFilter(title: string, filter: string): boolean {
  const folded = fold(title);
  return fold(filter)
    .split(/\s+/)
    .every((word) => folded.includes(word));
}
