/** Reads one property of an unknown value as text. @throws TypeError when it is not there */
export function textOf(value: unknown, key: string): string {
  const property = propertyOf(value, key);
  if (typeof property !== 'string') throw new TypeError(`no text ${key}`);
  return property;
}

/** Reads one property of an unknown value; undefined when it has none. */
export function propertyOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}
