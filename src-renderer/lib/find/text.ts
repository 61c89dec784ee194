/** Text of one block with the text nodes it is made of. Nothing is found across blocks. */
export interface TextPart {
  text: string;
  nodes: { node: Text; start: number }[];
}

const BLOCKS = new Set(
  'ARTICLE BLOCKQUOTE BR DIV H2 H3 H4 H5 H6 HR LI OL P PRE TABLE TBODY TD TH THEAD TR UL'.split(' '),
);
/** Controls of the app, and what is drawn rather than written. */
const SKIPPED = 'button, iframe, svg, [data-math], [data-find="skip"], .vh';

/** The blocks of text below an element, in reading order. */
export function textParts(root: Node): TextPart[] {
  const parts: TextPart[] = [];
  let open: TextPart | null = null;
  const visit = (node: Node): void => {
    if (node.nodeType === Node.TEXT_NODE) {
      const text = node as Text;
      if (text.data === '') return;
      if (open === null) parts.push((open = { text: '', nodes: [] }));
      open.nodes.push({ node: text, start: open.text.length });
      open.text += text.data;
      return;
    }
    const element = node as Element;
    if (node.nodeType === Node.ELEMENT_NODE && element.matches(SKIPPED)) return;
    const isBlock = BLOCKS.has(node.nodeName);
    if (isBlock) open = null;
    for (const child of node.childNodes) visit(child);
    if (isBlock) open = null;
  };
  visit(root);
  return parts;
}

/** Lower case, unless that would move the letters. */
function folded(text: string): string {
  const lower = text.toLowerCase();
  return lower.length === text.length ? lower : text;
}

/** Where a query begins in a text, in upper or lower case, one after the other. */
export function occurrences(text: string, query: string): number[] {
  const found: number[] = [];
  if (query === '') return found;
  const haystack = folded(text);
  const needle = folded(query);
  for (let at = haystack.indexOf(needle); at !== -1; at = haystack.indexOf(needle, at + needle.length))
    found.push(at);
  return found;
}

/** The ranges of a query in the blocks of an element. */
export function rangesOf(root: Node, query: string): Range[] {
  return textParts(root).flatMap((part) =>
    occurrences(part.text, query).map((start) => rangeOf(part, start, start + query.length)),
  );
}

function rangeOf(part: TextPart, start: number, end: number): Range {
  const range = new Range();
  const first = part.nodes.findLast((entry) => entry.start <= start);
  const last = part.nodes.findLast((entry) => entry.start < end);
  if (first !== undefined) range.setStart(first.node, start - first.start);
  if (last !== undefined) range.setEnd(last.node, end - last.start);
  return range;
}
