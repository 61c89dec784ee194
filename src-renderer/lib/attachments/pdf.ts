import { getDocument, GlobalWorkerOptions } from 'pdfjs-dist';
import workerUrl from 'pdfjs-dist/build/pdf.worker.min.mjs?worker&url';
import { MAX_ATTACHED_PAGES } from '../../../src-main/contract/index.ts';
import { joinPages, spaced } from './plain.ts';
import { UnreadFile } from './problem.ts';

GlobalWorkerOptions.workerSrc = workerUrl;

/** The text of a PDF, page by page; an aborted signal ends its worker. @throws UnreadFile */
export async function pdfText(
  bytes: Uint8Array<ArrayBuffer>,
  signal: AbortSignal,
): Promise<{ text: string; pageStarts: number[] }> {
  // Nothing is drawn: no fonts, and nothing that would have to be compiled.
  const cMapUrl = new URL('cmaps/', document.baseURI).href;
  const task = getDocument({ data: bytes, disableFontFace: true, useWasm: false, cMapUrl });
  const end = () => void task.destroy();
  signal.addEventListener('abort', end);
  try {
    const document = await task.promise;
    if (document.numPages > MAX_ATTACHED_PAGES) throw new UnreadFile('too_many_pages');
    const pages: string[] = [];
    for (let number = 1; number <= document.numPages; number++) {
      const page = await document.getPage(number);
      const { items } = await page.getTextContent();
      pages.push(
        spaced(items.map((item) => ('str' in item ? item.str + (item.hasEOL ? '\n' : '') : '')).join('')),
      );
      page.cleanup();
    }
    return joinPages(pages);
  } finally {
    signal.removeEventListener('abort', end);
    await task.destroy();
  }
}
