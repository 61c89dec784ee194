import { formulaOf } from './maths.ts';

/** Puts a formula into an element. @throws when the source is no formula */
export type Typesetter = (formula: string, element: HTMLElement, display: boolean) => void;

let loading: Promise<Typesetter> | undefined;
let loaded: Typesetter | undefined;

/** Loads the formulas' program, style and fonts once, with the first formula. */
function load(): Promise<Typesetter> {
  loading ??= import('./katex.ts').then(({ typeset }) => (loaded = typeset));
  return loading;
}

function typesetOne(element: HTMLElement, typeset: Typesetter): void {
  const source = element.textContent;
  const display = element.dataset['math'] === 'display';
  try {
    typeset(formulaOf(source), element, display);
    element.dataset['set'] = '';
  } catch {
    // What the model wrote says more than a half of it.
    element.replaceChildren(source);
    element.dataset['plain'] = '';
  }
}

/**
 * Replaces the sources of formulas in sanitised content by formulas; until their program is there, and where
 * there is an error, the source is what is shown.
 *
 * @returns the display formulas, which may be wider than their place
 */
export function typesetMaths(root: ParentNode): HTMLElement[] {
  const elements = [...root.querySelectorAll<HTMLElement>('[data-math]:not([data-set], [data-plain])')];
  if (elements.length === 0) return [];
  if (loaded !== undefined) for (const element of elements) typesetOne(element, loaded);
  else
    void load().then(
      (typeset) => {
        for (const element of elements)
          if (element.dataset['set'] === undefined) typesetOne(element, typeset);
      },
      // The source stays.
      () => undefined,
    );
  return elements.filter((element) => element.dataset['math'] === 'display');
}
