import {
  MAX_ATTACHED_CHARACTERS,
  MAX_FILE_NAME_LENGTH,
  type NewAttachment,
} from '../../../src-main/contract/index.ts';
import { decodeText } from './plain.ts';
import { UnreadFile } from './problem.ts';

const MAX_FILE_BYTES = 20_000_000;
/** A file that takes longer is not a text that somebody reads. */
const MAX_READ_MS = 15_000;

const IMAGE_NAME = /\.(?:avif|bmp|gif|heic|heif|ico|jpe?g|png|tiff?|webp)$/iu;

/** How a file is read, by its name, else by the type that the system gave it. Pure. */
export function kindOf({ name, type }: { name: string; type: string }): NewAttachment['kind'] | 'image' {
  if (/\.pdf$/iu.test(name) || type === 'application/pdf') return 'pdf';
  if (/\.docx$/iu.test(name)) return 'docx';
  if (/\.(?:html?|xhtml)$/iu.test(name) || type === 'text/html') return 'html';
  if (IMAGE_NAME.test(name) || (type.startsWith('image/') && type !== 'image/svg+xml')) return 'image';
  return 'text';
}

async function textOf(kind: NewAttachment['kind'], bytes: Uint8Array<ArrayBuffer>, signal: AbortSignal) {
  if (kind === 'pdf') return (await import('./pdf.ts')).pdfText(bytes, signal);
  if (kind === 'docx') return { text: await (await import('./docx.ts')).docxText(bytes), pageStarts: null };
  const text = decodeText(bytes);
  return { text: kind === 'html' ? (await import('./html.ts')).htmlText(text) : text, pageStarts: null };
}

/** Takes the text out of a file. The file itself goes nowhere. @throws UnreadFile */
export async function readFile(file: File, id: string): Promise<NewAttachment> {
  const kind = kindOf(file);
  if (kind === 'image') throw new UnreadFile('image');
  if (file.size > MAX_FILE_BYTES) throw new UnreadFile('too_large');
  const signal = AbortSignal.timeout(MAX_READ_MS);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new UnreadFile('too_slow')), { once: true });
  });
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const { text, pageStarts } = await Promise.race([textOf(kind, bytes, signal), late]);
    if (text.trim() === '') throw new UnreadFile('empty');
    if (text.length > MAX_ATTACHED_CHARACTERS) throw new UnreadFile('too_long');
    const name = file.name.slice(-MAX_FILE_NAME_LENGTH) || kind;
    return { id, name, kind, sizeBytes: file.size, text, pageStarts, parts: null };
  } catch (error) {
    if (error instanceof UnreadFile) throw error;
    throw new UnreadFile('unreadable', { cause: error });
  }
}
