import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fileText, textWithFiles, withFiles } from '../../src-main/conversations/attached.ts';
import { decodeText, joinPages, spaced } from '../../src-renderer/lib/attachments/plain.ts';
import { UnreadFile } from '../../src-renderer/lib/attachments/problem.ts';
import { kindOf, readFile } from '../../src-renderer/lib/attachments/read.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);
const utf8 = (text: string) => new TextEncoder().encode(text);
const problemOf = async (file: File) => {
  const error: unknown = await readFile(file, crypto.randomUUID()).catch((thrown: unknown) => thrown);
  return error instanceof UnreadFile ? error.problem : error;
};

describe('text files', () => {
  it('are read by their byte order mark, as UTF-8, or as Windows-1252; lines end alike', () => {
    expect(decodeText(utf8('Tide\r\nhöhe\rend'))).toBe('Tide\nhöhe\nend');
    expect(decodeText(bytes(0xef, 0xbb, 0xbf, 0x41))).toBe('A');
    expect(decodeText(bytes(0xff, 0xfe, 0x41, 0, 0xe4, 0))).toBe('Aä');
    expect(decodeText(bytes(0xfe, 0xff, 0, 0x41, 0, 0xe4))).toBe('Aä');
    expect(decodeText(bytes(0x68, 0xf6, 0x68, 0x65))).toBe('höhe');
  });

  it('any text comes back as it is, apart from its line ends', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        // eslint-disable-next-line no-control-regex -- these make a file binary
        fc.pre(!/[\u0000-\u001f\ufeff]/u.test(text));
        expect(decodeText(utf8(text))).toBe(text);
      }),
    );
  });

  it('a binary file is refused', () => {
    expect(() => decodeText(bytes(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0))).toThrow(UnreadFile);
    expect(() => decodeText(bytes(0x50, 0x4b, 3, 4))).toThrow(UnreadFile);
  });

  it('space is tidied', () => {
    expect(spaced('  a \t b  \n\n\n\n c\u00a0d ')).toBe('a b\n\nc d');
  });
});

describe('files', () => {
  it('are told by their names, or by their types', () => {
    const kind = (name: string, type = '') => kindOf({ name, type });
    expect(['a.PDF', 'a.docx', 'a.htm', 'a.py', 'a', 'a.csv', 'a.svg'].map((name) => kind(name))).toEqual([
      ...['pdf', 'docx', 'html', 'text', 'text', 'text', 'text'],
    ]);
    expect(kind('a.png')).toBe('image');
    expect(kind('pasted', 'image/png')).toBe('image');
    expect(kind('pasted', 'application/pdf')).toBe('pdf');
  });

  it('images, empty, long and binary ones are refused, each with its reason', async () => {
    expect(await problemOf(new File(['x'], 'a.png'))).toBe('image');
    expect(await problemOf(new File([' \n'], 'a.txt'))).toBe('empty');
    expect(await problemOf(new File([bytes(0, 1, 2)], 'a.bin'))).toBe('not_text');
    expect(await problemOf(new File(['x'.repeat(2_000_001)], 'a.txt'))).toBe('too_long');
    expect(await problemOf(new File([new Uint8Array(20_000_001)], 'a.pdf'))).toBe('too_large');
    expect(await problemOf(new File(['no zip'], 'a.docx'))).toBe('unreadable');
  });

  it('a text file keeps its name, its size and its text', async () => {
    expect(await readFile(new File(['häfen'], 'a.md'), 'id')).toEqual({
      ...{ id: 'id', name: 'a.md', kind: 'text', sizeBytes: 6, text: 'häfen', pageStarts: null, parts: null },
    });
  });
});

describe('what the model reads', () => {
  const file = { id: 'f', name: 'tides.csv', text: 'a,b\n1,2\n', pageStarts: null, parts: null };

  it('is the files, each with its name and in a fence that nothing inside ends, then the text', () => {
    expect(textWithFiles('When?', [file])).toBe('File: tides.csv\n```\na,b\n1,2\n```\n\nWhen?');
    expect(textWithFiles('When?', [])).toBe('When?');
    expect(fileText({ ...file, text: '```js\n````' })).toBe('File: tides.csv\n`````\n```js\n````\n`````');
  });

  it('marks pages', () => {
    const pages = joinPages(['first', '', 'third']);
    expect(fileText({ ...file, ...pages })).toBe(
      'File: tides.csv\n```\n[page 1]\nfirst\n[page 2]\n\n[page 3]\nthird\n```',
    );
  });

  it('gives each message its own files', () => {
    const stored = { ...file, kind: 'text', sizeBytes: 8, messageId: 'b' } as const;
    expect(withFiles([{ id: 'a' }, { id: 'b' }], [stored])).toEqual([
      { id: 'a', files: [] },
      { id: 'b', files: [stored] },
    ]);
  });
});
