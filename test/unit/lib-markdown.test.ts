import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { safeLinkAddress } from '../../src-renderer/lib/markdown/address.ts';
import { renderBlocks, type Block } from '../../src-renderer/lib/markdown/parser.ts';
import { createMarkdownStream, type LiveTail } from '../../src-renderer/lib/markdown/stream.ts';

const CORPUS = [
  'Plain text with **bold**, *em*, ~~gone~~, `code` and a \\* star.\nSecond line.\n\nNext paragraph.',
  '# One\n## Two\ntext right after\n\nSetext\n======\n\nOther\n---\n',
  'Intro:\n- a\n- b **c**\n  - d\n\n    in d\n- e\n\n- loose\n\nafter',
  '1. first\n   ```js\n   let a = 1;\n\n   a += 1;\n   ```\n2. second\n10) other list\n',
  '```python\ndef f():\n    """doc"""\n\n    return 1\n```\ntext\n~~~\n```\n~~~\n\n```\nnever closed\n\n# not a heading',
  '| a | b |\n|:--|--:|\n| 1 | `x|y` |\n| 2 | **z** |\n\n| not | a table\ntext',
  '> quote\n> > nested **deep**\n> - list\n>   ```\n>   code\n>   ```\nlazy line\n\n> another',
  'See [late] and [text][late], ![pic][late].\n\nMore [late][].\n\n[late]: https://example.com/late "title"\n',
  '[early]: <https://example.com/e>\n\n- item with [early]\n- [x] done\n- [ ] open\n\n***\n',
  'Line one\r\nLine two\r\n\r\n- windows\r\n- ends\r\n',
  'Auto https://example.com/a_b?c=d&e=f, <https://example.com> and www.example.com.\n\n<div>\n\n<script>alert(1)</script>\n\n</div>',
  '    indented\n\n    code\n\ntext\n\ttab\n\n- x\n\n      deep code\n\n* * *\n- - -\n',
  'Euler: $e^{i\\pi}+1=0$ for $5, \\(a*b\\) and *em $x*y$ b*.\n$$\na\n+ b\n= c\n$$\nafter\n\n\\[\nx_1\n\\]\n- item\n  $$\n  - y\n  $$\n\n$$\nopen\n\n\\[1\\]',
  'Entities &amp; &lt;b&gt; &#60;i&#62; &copy;\u0000 and ünïcödé 👩‍👩‍👧 שלום\n',
];

const LINES = [
  ...['# Head', '## Other', 'text with **bold** and `code`', 'lazy', '**open', '`open', '', '', ''],
  ...[
    '- item',
    '- **b** item',
    '  - nested',
    '    deep',
    '1. one',
    '2) two',
    '   cont',
    '* star',
    '+ plus',
    '-',
    '1.',
  ],
  ...[
    '> quote',
    '> - q list',
    '> > deeper',
    '- > q',
    '```js',
    '```',
    '~~~',
    '  ```',
    '- ```',
    '    indented',
    '\tTabbed',
  ],
  ...['| a | b |', '|---|:-:|', '| 1 | 2 |', 'x | y', '- | -', '---', '***', '===', '* * *', '- - -', '#'],
  ...[
    '[foo]: https://a.b "t"',
    '[foo]:',
    'see [foo] and [bar][foo]',
    '[bar]: <https://c.d>',
    '[l](https://a.b)',
  ],
  ...[
    '$$',
    '$$',
    '\\[',
    '\\]',
    '$$ x = y $$',
    '\\[ z^2 \\]',
    '= b',
    '$a$ for $5',
    '  $$',
    '> $$',
    '$$ and',
    'x $$',
  ],
  ...[
    '<div>',
    '</div>',
    '<!-- c',
    '-->',
    '<script>',
    'a \\',
    '- [x] done',
    '![i](https://x/y.png)',
    'https://e.com/a_b',
  ],
];

function content(blocks: readonly Block[]): unknown[] {
  return blocks.map((block) =>
    block.kind === 'html' ? block.html : { language: block.language, code: block.code },
  );
}

function stream(text: string, sizes: readonly number[]) {
  const live = createMarkdownStream();
  let at = 0;
  for (let turn = 0; at < text.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    live.append(text.slice(at, at + size));
    at += size;
  }
  live.finish();
  return live;
}

const chunkSizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 24 });

describe('a streamed text', () => {
  it.each(CORPUS.map((text, index) => ({ index, text })))(
    'gives what one pass gives, corpus $index',
    ({ text }) => {
      const expected = content(renderBlocks(text));
      fc.assert(
        fc.property(chunkSizes, (sizes) => {
          expect(content(stream(text, sizes).blocks)).toEqual(expected);
        }),
        { numRuns: 40 },
      );
    },
  );

  it('gives what one pass gives for lines in any order', () => {
    const text = fc
      .array(fc.constantFrom(...LINES), { minLength: 1, maxLength: 25 })
      .map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(text, chunkSizes, (source, sizes) => {
        expect(content(stream(source, sizes).blocks)).toEqual(content(renderBlocks(source)));
      }),
      { numRuns: 3000 },
    );
  });

  it('gives what one pass gives for the corpus in any order', () => {
    const text = fc
      .array(fc.constantFrom(...CORPUS), { minLength: 1, maxLength: 5 })
      .map((parts) => parts.join('\n\n'));
    fc.assert(
      fc.property(text, chunkSizes, (source, sizes) => {
        expect(content(stream(source, sizes).blocks)).toEqual(content(renderBlocks(source)));
      }),
      { numRuns: 150 },
    );
  });

  it('never gives settled blocks again, apart from references', () => {
    const live = createMarkdownStream();
    live.append('First.\n\nSecond.\n\nThird');
    const [first, second] = live.blocks;
    live.append(' goes on.\n\nFourth');
    expect(live.blocks[0]).toBe(first);
    expect(live.blocks[1]).toBe(second);
    expect(live.blocks).toHaveLength(3);
  });

  it('starts anew when the beginning changes and goes on when it does not', () => {
    const live = createMarkdownStream();
    live.update('One.\n\nTwo');
    const before = live.work.characters;
    live.update('One.\n\nTwo and more');
    expect(live.work.characters - before).toBeLessThan(20);
    live.update('Other');
    live.finish();
    expect(content(live.blocks)).toEqual(['<p dir="auto">Other</p>']);
    live.update('Other text');
    live.finish();
    expect(content(live.blocks)).toEqual(['<p dir="auto">Other text</p>']);
  });
});

function shownText(tail: LiveTail | null): string {
  if (tail === null) return '';
  if (tail.kind === 'code') return tail.code;
  return tail.pieces
    .map(
      (piece) =>
        [piece.html, ...piece.inlines, piece.provisional].join('').replace(/<[^>]*>/g, '') + piece.pending,
    )
    .join('\n');
}

describe('the growing block', () => {
  it('shows words as they come and marks once they are closed', () => {
    const live = createMarkdownStream();
    live.append('Some wor');
    expect(shownText(live.tail)).toBe('Some wor');
    live.append('ds and **bold** ');
    expect(live.tail).toMatchObject({ pieces: [{ html: '<p dir="auto"></p>' }] });
    expect(shownText(live.tail)).toBe('Some words and bold ');
    expect(JSON.stringify(live.tail)).toContain('<strong>bold</strong>');
  });

  it('shows each item of a list as a piece of its own, with its number', () => {
    const live = createMarkdownStream();
    live.append('1. one\n2. two `x` and');
    expect(live.tail).toMatchObject({
      pieces: [{}, { html: '<ol dir="auto" start="2"><li dir="auto"></li></ol>' }],
    });
    expect(shownText(live.tail)).toBe('one\ntwo x and');
  });

  it('shows code without its fence, from the first line on', () => {
    const live = createMarkdownStream();
    live.append('```ts\nconst a = 1;\n``');
    expect(live.tail).toMatchObject({ kind: 'code', language: 'ts', code: 'const a = 1;' });
    live.append('`\n');
    expect(live.tail).toBeNull();
    expect(live.blocks).toMatchObject([{ kind: 'code', language: 'ts', code: 'const a = 1;' }]);
  });

  it('keeps the id of a code block when it is settled, so that it stays in place', () => {
    const live = createMarkdownStream();
    live.append('Text.\n\n```\ncode\n');
    const id = live.tail?.id;
    live.append('```\nnext');
    expect(live.blocks.at(-1)).toMatchObject({ kind: 'code', id });
  });

  it('never hides a word for long', () => {
    const words = 'alpha beta **gamma** delta `epsilon` zeta [eta](https://e.com) theta';
    const live = createMarkdownStream();
    for (const character of words) live.append(character);
    for (const word of ['alpha', 'gamma', 'epsilon', 'eta', 'theta'])
      expect(shownText(live.tail)).toContain(word);
  });
});

/** An answer as models write them, about four characters a token. */
function longAnswer(tokens: number): string {
  const parts: string[] = [];
  let length = 0;
  for (let section = 1; length < tokens * 4; section += 1) {
    const part = [
      `## Part ${section}: what *matters* here`,
      'The range is 5.4 m, so one **twelfth** is `0.45 m`; by the rule of twelfths the height rises slowly at first, then faster, and slowly again at the end. See [the tables](https://example.com/tables) for more, and note that 2 * 3 is 6 and that snake_case_names stay as they are. '.repeat(
        1 + (section % 4),
      ),
      'What follows from it:\n' +
        Array.from(
          { length: 4 + (section % 9) },
          (_, index) =>
            `- **Point ${index}**: a line of text with \`code\` in it\n  - a detail, *rather* small`,
        ).join('\n'),
      '```python\n' +
        'def height(low, high):\n    return low + (high - low) / 12  # metres\n\n'.repeat(
          3 + (section % 20),
        ) +
        '```',
      '| Time | Height |\n|---|---:|\n' + '| 10:52 | 1.20 |\n'.repeat(3 + (section % 8)),
      '1. Do **this** first\n\n2. Then that\n\n   > a quote inside\n',
      'With $h_0 = 1.2$ and \\(t \\in [0, 6]\\), for $5 or less:\n\\[\nh(t) = h_0 + \\frac{\\Delta h}{12} t\n\\]',
      '$$\n\\begin{aligned}\na &= b \\\\\n+ c\n\\end{aligned}\n$$',
      '```mermaid\nflowchart LR\n  A[Low water] --> B{Enough?}\n  B -->|yes| C[Cross]\n```',
    ].join('\n\n');
    parts.push(part);
    length += part.length;
  }
  return parts.join('\n\n');
}

describe('work', () => {
  it('of a 20,000-token answer in small chunks is at most 3 times that of one pass', () => {
    const text = longAnswer(20_000);
    expect(text.length).toBeGreaterThanOrEqual(80_000);
    const once = { calls: 0, characters: 0 };
    const expected = content(renderBlocks(text, once));
    const live = stream(text, [4, 3, 5, 1, 7]);
    expect(content(live.blocks)).toEqual(expected);
    expect(live.work.characters).toBeLessThanOrEqual(3 * once.characters);
  });

  it('does not grow with the length of one block that never ends', () => {
    for (const text of [
      'word '.repeat(8000),
      `\`\`\`\n${'line of code\n'.repeat(3000)}`,
      '- **item** x\n'.repeat(3000),
      '*a _b `c [d '.repeat(3000),
      'costs $5, so $x$ or \\(y '.repeat(2000),
      `$$\n${'x + y\n'.repeat(3000)}`,
      '$$x$$\n'.repeat(3000),
    ]) {
      const live = stream(text, [4]);
      expect(live.work.characters).toBeLessThanOrEqual(3 * text.length + 1000);
    }
  });
});

describe('safeLinkAddress', () => {
  it.each([
    ['https://example.com', 'https://example.com/'],
    ['HTTP://Example.com/a?b=1&amp;c=2', 'http://example.com/a?b=1&c=2'],
    ['https://exаmple.com/', 'https://xn--exmple-4nf.com/'],
    [' https://example.com ', 'https://example.com/'],
  ])('%j becomes %j', (raw, address) => expect(safeLinkAddress(raw)).toBe(address));

  it.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'java\nscript:alert(1)',
    '\u0001javascript:alert(1)',
    'javascript&colon;alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    'smb://host/share',
    'ms-settings:privacy',
    'mailto:a@b.c',
    '//example.com',
    '/relative',
    'src/main.ts',
    '#fragment',
    'https://user:secret@example.com',
    'https://paypal.com@evil.example',
    'https://exa\tmple.com',
    'https://',
    '',
  ])('%j is refused', (raw) => expect(safeLinkAddress(raw)).toBeNull());
});

describe('rendering', () => {
  it('shows raw HTML as text', () => {
    expect(content(renderBlocks('<b onclick="x()">hi</b>'))).toEqual([
      '<p dir="auto">&lt;b onclick=&quot;x()&quot;&gt;hi&lt;/b&gt;</p>',
    ]);
  });

  it('never makes an image or an address that is followed', () => {
    const html = content(
      renderBlocks('![alt](https://x.y/z.png) [a](javascript:alert(1)) [b](https://x.y "t")'),
    ).join('');
    expect(html).toBe(
      '<p dir="auto">alt (https://x.y/z.png) a (javascript:alert(1)) <a role="link" tabindex="0" data-href="https://x.y/">b</a></p>',
    );
  });

  it('ends a bare address where quoted HTML goes on', () => {
    expect(renderBlocks('<a href="https://example.com/page">the page</a>')).toEqual([
      {
        id: 0,
        kind: 'html',
        html: '<p dir="auto">&lt;a href=&quot;<a role="link" tabindex="0" data-href="https://example.com/page">https://example.com/page</a>&quot;&gt;the page&lt;/a&gt;</p>',
      },
    ]);
  });

  it('marks the cells of a table that need more room than a word', () => {
    const [table] = renderBlocks('| a |\n| --- |\n| short |\n| more than fourteen |');
    const html = table?.kind === 'html' ? table.html : '';
    expect(html).toContain('<td dir="auto">short</td>');
    expect(html).toContain('<td dir="auto" data-long="">more than fourteen</td>');
  });

  it('keeps headings below those of the page and gives header cells a scope', () => {
    expect(content(renderBlocks('# a\n###### b'))).toEqual([
      '<h3 dir="auto">a</h3>',
      '<h6 dir="auto">b</h6>',
    ]);
    expect(content(renderBlocks('|a|\n|-|\n|b|')).join('')).toContain('<th dir="auto" scope="col">a</th>');
  });

  it('finds no reference in what objects inherit', () => {
    expect(content(renderBlocks('[constructor] [toString]'))).toEqual([
      '<p dir="auto">[constructor] [toString]</p>',
    ]);
  });
});
