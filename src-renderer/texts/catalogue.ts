/** A text, a text made from figures, or a group of them. */
export interface Texts {
  readonly [key: string]: string | ((...values: never[]) => string) | Texts;
}

/** Share of padding that the pseudo-locale adds: the room that translations need (guide section 7). */
const PSEUDO_GROWTH = 0.35;

const ACCENTED: Readonly<Record<string, string>> = {
  a: 'á', c: 'ç', d: 'ď', e: 'é', g: 'ğ', i: 'í', l: 'ľ', n: 'ñ', o: 'ö', r: 'ř', s: 'š', t: 'ť', u: 'ü', y: 'ý', z: 'ž',
  A: 'Á', C: 'Ç', D: 'Ď', E: 'É', I: 'Í', L: 'Ľ', N: 'Ñ', O: 'Ö', R: 'Ř', S: 'Š', T: 'Ť', U: 'Ü', Y: 'Ý', Z: 'Ž',
}; // prettier-ignore

/** True in development builds only: the switches must not exist in what a user runs. */
function developmentSwitch(name: string): string | null {
  if (!import.meta.env.DEV || typeof location === 'undefined') return null;
  return new URLSearchParams(location.search).get(name);
}

/** `?dir=rtl` in a development build. */
export const forcedDirection = developmentSwitch('dir') === 'rtl' ? 'rtl' : null;
const pseudo = developmentSwitch('locale') === 'pseudo';

/** The text with accents and a third more length, to find what is cut off or not in a catalogue. */
export function pseudoText(text: string): string {
  const accented = text.replace(/[a-zA-Z]/g, (letter) => ACCENTED[letter] ?? letter);
  return `[${accented}${'~'.repeat(Math.ceil(text.length * PSEUDO_GROWTH))}]`;
}

function pseudoTexts(texts: Texts): Texts {
  return Object.fromEntries(
    Object.entries(texts).map(([key, value]) => {
      if (typeof value === 'string') return [key, pseudoText(value)];
      if (typeof value === 'function') return [key, (...values: never[]) => pseudoText(value(...values))];
      return [key, pseudoTexts(value)];
    }),
  );
}

/** Declares the texts of one area. Every text that a person reads comes out of one of these. */
export function catalogue<T extends Texts>(texts: T): T {
  // The pseudo-locale keeps keys and signatures, which the mapped object cannot say in types.
  return pseudo ? (pseudoTexts(texts) as T) : texts;
}
