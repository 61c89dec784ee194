import { toSafeFragment } from './sanitize.ts';

/** Colours code; null if the language is not known. */
export type Highlighter = (code: string, language: string) => string | null;

/** Beyond this, colouring would hold up the window; the code is shown plain. */
const MAX_HIGHLIGHTED_CHARACTERS = 200_000;
/** While code grows it is coloured anew only after it grew by this factor: the whole costs three passes. */
const RECOLOUR_GROWTH = 1.6;

let loading: Promise<Highlighter> | undefined;

/** Loads the languages once. */
export function loadHighlighter(): Promise<Highlighter> {
  loading ??= import('./languages.ts').then((module) => module.highlight);
  return loading;
}

/** Names as their makers write them; they are the same in every language. */
const LANGUAGE_NAMES: Readonly<Record<string, string>> = {
  bash: 'Bash',
  c: 'C',
  cpp: 'C++',
  'c++': 'C++',
  cs: 'C#',
  csharp: 'C#',
  css: 'CSS',
  diff: 'Diff',
  go: 'Go',
  html: 'HTML',
  ini: 'INI',
  java: 'Java',
  javascript: 'JavaScript',
  js: 'JavaScript',
  json: 'JSON',
  jsx: 'JSX',
  markdown: 'Markdown',
  mermaid: 'Mermaid',
  md: 'Markdown',
  php: 'PHP',
  py: 'Python',
  python: 'Python',
  rb: 'Ruby',
  ruby: 'Ruby',
  rs: 'Rust',
  rust: 'Rust',
  sh: 'Shell',
  shell: 'Shell',
  sql: 'SQL',
  toml: 'TOML',
  ts: 'TypeScript',
  tsx: 'TSX',
  typescript: 'TypeScript',
  xml: 'XML',
  yaml: 'YAML',
  yml: 'YAML',
};

/** How files of a language end, where that is not the language's own name. */
const FILE_ENDINGS: Readonly<Record<string, string>> = {
  bash: 'sh',
  'c++': 'cpp',
  csharp: 'cs',
  javascript: 'js',
  markdown: 'md',
  mermaid: 'mmd',
  python: 'py',
  ruby: 'rb',
  rust: 'rs',
  shell: 'sh',
  typescript: 'ts',
  yaml: 'yml',
};
/** Languages whose name is how their files end. */
const OWN_ENDINGS =
  /^(?:c|cpp|cs|css|diff|go|h|html|ini|java|js|json|jsx|md|php|py|rb|rs|sh|sql|tex|toml|ts|tsx|xml|yml)$/;

/** Name for a file with code of a language; one that is not known makes a text file. */
export function codeFileName(language: string): string {
  const known = Object.hasOwn(FILE_ENDINGS, language) ? FILE_ENDINGS[language] : undefined;
  const ending = known ?? (OWN_ENDINGS.test(language) ? language : 'txt');
  return `code.${ending}`;
}

/** The name to show, or undefined if the source named no language. */
export function languageName(language: string): string | undefined {
  if (language === '') return undefined;
  // An answer may name its language "constructor".
  return Object.hasOwn(LANGUAGE_NAMES, language) ? LANGUAGE_NAMES[language] : language;
}

/**
 * Keeps one code element up to date. Code that only grew is not coloured again from the start: whole new
 * lines are coloured by themselves, and everything anew when it grew by more than half, and at the end.
 */
export class CodePainter {
  readonly #element: HTMLElement;
  readonly #rest: Text;
  #code = '';
  #language = '';
  #highlighter: Highlighter | null = null;
  /** Coloured as a whole up to here. */
  #wholeTo = 0;
  /** Coloured, line by line after that, up to here. */
  #linesTo = 0;
  #settled = false;

  constructor(element: HTMLElement) {
    this.#element = element;
    this.#rest = element.ownerDocument.createTextNode('');
    element.replaceChildren(this.#rest);
  }

  /** @param growing more is coming: colours may lag behind */
  paint(code: string, language: string, highlighter: Highlighter | null, growing: boolean): void {
    const grew =
      code.startsWith(this.#code) &&
      language === this.#language &&
      highlighter === this.#highlighter &&
      !this.#settled;
    this.#code = code;
    this.#language = language;
    this.#highlighter = highlighter;
    this.#settled = !growing;
    if (!grew || !growing || code.length > this.#wholeTo * RECOLOUR_GROWTH) this.#paintWhole(growing);
    else this.#paintLines();
    this.#rest.data = this.#code.slice(this.#linesTo);
  }

  #paintWhole(growing: boolean): void {
    // The last line of growing code stays plain: half a string or word has no colour of its own.
    const end = growing ? this.#code.lastIndexOf('\n') + 1 : this.#code.length;
    const html = this.#colour(this.#code.slice(0, end));
    this.#wholeTo = html === null ? 0 : end;
    this.#linesTo = this.#wholeTo;
    this.#element.replaceChildren(...(html === null ? [] : [toSafeFragment(html)]), this.#rest);
  }

  #paintLines(): void {
    const end = this.#code.lastIndexOf('\n') + 1;
    if (end <= this.#linesTo) return;
    const html = this.#colour(this.#code.slice(this.#linesTo, end));
    if (html === null) return;
    this.#rest.before(toSafeFragment(html));
    this.#linesTo = end;
  }

  #colour(code: string): string | null {
    if (this.#highlighter === null || this.#language === '' || code.length > MAX_HIGHLIGHTED_CHARACTERS)
      return null;
    return this.#highlighter(code, this.#language);
  }
}
