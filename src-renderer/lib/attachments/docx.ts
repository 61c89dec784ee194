import { unzipSync } from 'fflate';
import mammoth from 'mammoth/mammoth.browser.min.js';
import { spaced } from './plain.ts';
import { UnreadFile } from './problem.ts';

/** Unpacked, bytes: what a page of text needs is far below; a small file that grows beyond is made to. */
const MAX_UNPACKED_BYTES = 100_000_000;

/** The text of a Word document. @throws UnreadFile */
export async function docxText(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  let unpacked = 0;
  // Reads the list of its parts only.
  unzipSync(bytes, {
    filter: ({ originalSize }) => {
      unpacked += originalSize;
      return false;
    },
  });
  if (unpacked > MAX_UNPACKED_BYTES) throw new UnreadFile('too_large');
  const { value } = await mammoth.extractRawText({ arrayBuffer: bytes.buffer });
  return spaced(value);
}
