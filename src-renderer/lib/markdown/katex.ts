// A chunk of its own, with its style and fonts: loaded with the first formula.
import katex from 'katex';
import 'katex/dist/katex.min.css';

/** Macros may expand so often: a short formula must not become an endless one. */
const MAX_EXPANSIONS = 1_000;
/** Largest size that a formula may ask for, in em. */
const MAX_SIZE_EM = 20;
/** Longer sources would hold up the window. */
const MAX_FORMULA_LENGTH = 10_000;

/**
 * Puts a formula into an element, with MathML for screen readers. Sizes are set through the style object, never
 * through HTML.
 * @throws when the source is no formula
 */
export function typeset(formula: string, element: HTMLElement, display: boolean): void {
  if (formula.length > MAX_FORMULA_LENGTH) throw new RangeError('too long');
  katex.render(formula, element, {
    displayMode: display,
    throwOnError: true,
    trust: false,
    strict: false,
    maxExpand: MAX_EXPANSIONS,
    maxSize: MAX_SIZE_EM,
    output: 'htmlAndMathml',
    // Definitions of one formula must not reach the next.
    macros: {},
    globalGroup: false,
  });
}
