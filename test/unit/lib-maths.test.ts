import { describe, expect, it } from 'vitest';
import { formulaOf } from '../../src-renderer/lib/markdown/maths.ts';
import { renderBlocks } from '../../src-renderer/lib/markdown/parser.ts';
import { createMarkdownStream } from '../../src-renderer/lib/markdown/stream.ts';

/** The formulas of a text, each with how it is shown. */
function formulas(text: string): string[] {
  return renderBlocks(text).flatMap((block) =>
    block.kind === 'code'
      ? []
      : [...block.html.matchAll(/data-math="(\w+)">([^<]*)</g)].map(
          ([, display, source]) => `${display ?? ''} ${formulaOf(source ?? '')}`,
        ),
  );
}

describe('a formula', () => {
  it.each([
    ['$x$', ['inline x']],
    ['$3.14$ and $n+1$', ['inline 3.14', 'inline n+1']],
    ['($a$), "$b$": $c$.', ['inline a', 'inline b', 'inline c']],
    ['\\(x\\) and \\(a*b*c\\)', ['inline x', 'inline a*b*c']],
    ['$$x$$', ['display x']],
    ['in a line $$x^2$$ and \\[ y^2 \\]', ['display x^2', 'display  y^2 ']],
    ['Text:\n\\[\na\n+ b\n- c\n= d\n\\]\nmore', ['display \na\n+ b\n- c\n= d\n']],
    ['- item\n  $$\n  x\n  + y\n  $$', ['display \nx\n+ y\n']],
    ['> $$\n> x\n> $$', ['display \nx\n']],
    ['| $a$ | b |\n|---|---|\n| \\(c\\) | $d$ |', ['inline a', 'inline c', 'inline d']],
    ['**$a$** and *b $x*y$ c*', ['inline a', 'inline x*y']],
    ['$\\text{costs \\$5}$', ['inline \\text{costs \\$5}']],
  ])('is found in %j', (text, expected) => expect(formulas(text)).toEqual(expected));

  it.each([
    'It costs $5 and $10.',
    'Between US$5 and US$10, or $5-$6.',
    '$20 to 30$ each',
    '$5, or 3 for $12',
    'echo $HOME/$USER and $PATH',
    '\\$5$ and $5\\$',
    '`$x$` and ``\\(y\\)``',
    '```\n$$\nx\n$$\n```',
    '    $$x$$',
    'See \\[1\\], \\[x\\] and \\(see below\\).',
    '\\[link\\](https://example.com)',
    '$$\nnever closed\n\nx$$',
    '$ x $ and $$',
    '\\(never\n\nclosed\\)',
  ])('is none in %j', (text) => expect(formulas(text)).toEqual([]));

  it('holds no HTML of the source', () => {
    const html = renderBlocks('$a<img src=x onerror=alert(1)>$\n\n$$<b>$$')
      .map((block) => (block.kind === 'html' ? block.html : ''))
      .join('');
    expect(html).not.toMatch(/<(?:img|b)\b/);
    expect(html).toContain('data-math="inline">$a&lt;img');
  });
});

describe('a formula that streams', () => {
  it('is its source until it is whole, then settled at once', () => {
    const live = createMarkdownStream();
    live.append('First:\n\n$$\nx = \\frac{1}');
    expect(live.tail).toMatchObject({ pieces: [{ pending: '$$\nx = \\frac{1}' }] });
    live.append('{2}\n$$\n');
    expect(live.tail).toBeNull();
    expect(live.blocks.at(-1)).toMatchObject({
      html: '<div data-math="display">$$\nx = \\frac{1}{2}\n$$</div>',
    });
  });

  it('appears inside a paragraph with its closing mark', () => {
    const live = createMarkdownStream();
    live.append('So $a');
    expect(JSON.stringify(live.tail)).not.toContain('data-math');
    live.append('^2$ and \\(b');
    live.append('+c\\) are');
    const shown = JSON.stringify(live.tail);
    expect(shown).toContain('$a^2$</span>');
    expect(shown).toContain('(b+c\\\\\\\\)</span>'.replace('\\\\\\\\', '\\\\'));
  });
});
