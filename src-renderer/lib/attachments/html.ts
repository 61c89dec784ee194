import { spaced } from './plain.ts';

/** What shows nothing. */
const UNSEEN = 'head, title, script, xmp, template, noscript, iframe, object, svg, [hidden]';
const BLOCK =
  /^(?:address|article|aside|blockquote|br|dd|div|dl|dt|figcaption|figure|footer|form|h[1-6]|header|hr|li|main|nav|ol|p|pre|section|table|tr|ul)$/u;

/**
 * Without its styles, which the page's policy would report, although nothing shows them: `xmp` is read as a style
 * element is, up to its end tag.
 */
const unstyled = (source: string) =>
  source
    .replaceAll(/<(\/?)style\b/giu, '<$1xmp')
    .replaceAll(/<[a-z][^<>]*>/giu, (tag) => tag.replaceAll(/([\s"'/])style(?=\s*=)/giu, '$1data-style'));

/** The visible text of a page. A parsed document is inert: nothing of it runs or loads. */
export function htmlText(source: string): string {
  const page = new DOMParser().parseFromString(unstyled(source), 'text/html');
  for (const unseen of page.querySelectorAll(UNSEEN)) unseen.remove();
  const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  const parts: string[] = [];
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    if (node instanceof Text) parts.push(node.data.replaceAll(/\s+/gu, ' '));
    else if (BLOCK.test(node.nodeName.toLowerCase())) parts.push('\n');
    else if (/^t[dh]$/iu.test(node.nodeName)) parts.push('\t');
  }
  return spaced(parts.join(''));
}
