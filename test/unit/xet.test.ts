import { expect, test } from 'vitest';
import { layoutOf } from '../../src-main/downloads/pieces.ts';
import { blocksFrom, provenPieces } from '../../src-main/downloads/xet.ts';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);
const term = (hash: string, length: number, start: number, end: number) => ({
  hash,
  unpacked_length: length,
  range: { start, end },
});

test.each([
  ['whole blocks', [term(A, 40, 0, 4), term(B, 60, 0, 6)], [[A, 0, 40], [B, 40, 60]]],
  ['one that begins inside of a block is left out', [term(A, 40, 3, 7), term(B, 60, 0, 6)], [[B, 40, 60]]],
  ['ranges that follow each other are one', [term(A, 40, 0, 4), term(A, 60, 4, 9)], [[A, 0, 100]]],
  ['the same block twice is two', [term(A, 50, 0, 4), term(A, 50, 0, 4)], [[A, 0, 50], [A, 50, 50]]],
])('blocks of a file: %s', (_, terms, expected) => {
  expect(blocksFrom(terms, 100)).toEqual(
    expected.map(([hash, offset, length]) => ({ hash, offset, length })),
  );
}); // prettier-ignore

test('terms of another size are of another file', () => {
  expect(blocksFrom([term(A, 40, 0, 4)], 100)).toBeNull();
  expect(blocksFrom([], 0)).toBeNull();
});

test('pieces are proven by blocks beside each other, never by a part of them', () => {
  const layout = layoutOf([35, 35], 10);
  const block = (offset: number, length: number) => ({ offset, length });
  expect(provenPieces(layout, 0, [block(0, 15), block(15, 6)])).toEqual([0, 1]);
  expect(provenPieces(layout, 0, [block(0, 15), block(16, 19)])).toEqual([0, 2, 3]);
  expect(provenPieces(layout, 1, [block(30, 5)])).toEqual([7]);
  expect(provenPieces(layout, 0, [])).toEqual([]);
});
