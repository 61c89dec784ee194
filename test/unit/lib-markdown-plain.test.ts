import { describe, expect, it } from 'vitest';
import { plainTextOf } from '../../src-renderer/lib/markdown/plain.ts';

describe('Markdown as plain text', () => {
  it.each([
    [
      'marks go, words stay',
      '## Tides\n\nThe **range** is *large*, `x` ~~old~~.',
      'Tides\n\nThe range is large, x old.',
    ],
    [
      'links are their text',
      '[the manual](https://example.com/a) and <https://example.com>',
      'the manual and https://example.com',
    ],
    [
      'lists keep bullets, numbers and depth',
      '- one\n  - two\n- three\n\n3. c\n4. d',
      '• one\n  • two\n• three\n\n3. c\n4. d',
    ],
    ['tasks keep their boxes', '- [x] done\n- [ ] open', '• ☑ done\n• ☐ open'],
    ['cells are apart by tabs', '| a | b |\n|---|---|\n| **1** | 2 |', 'a\tb\n1\t2'],
    ['code is as it is', 'Run\n\n```py\nx = "**"\n\ny\n```', 'Run\n\nx = "**"\n\ny'],
    ['quotes lose their mark', '> said\n> he', 'said\nhe'],
    ['formulas lose their signs', 'It is $E = mc^2$.', 'It is E = mc^2.'],
    ['escapes and entities are what they stand for', '1\\. a \\* b &amp; c < d', '1. a * b & c < d'],
    ['markup is text', 'a <b>bold</b> word', 'a <b>bold</b> word'],
    ['nothing is nothing', '', ''],
  ])('%s', (_name, source, plain) => {
    expect(plainTextOf(source)).toBe(plain);
  });
});
