import type { LivePiece } from './live-piece.ts';
import { toSafeFragment } from './sanitize.ts';
import { typesetMaths } from './typeset.ts';

/** Sanitised content with its formulas. */
function toFragment(html: string): DocumentFragment {
  const fragment = toSafeFragment(html);
  typesetMaths(fragment);
  return fragment;
}

/** Elements that the text to come may lie in. */
const CONTAINERS = new Set(['P', 'LI', 'UL', 'OL', 'BLOCKQUOTE', 'PRE', 'H3', 'H4', 'H5', 'H6']);

interface PieceView {
  root: HTMLElement;
  html: string;
  inlines: number;
  end: Element;
  /** Holds what the next word may change. */
  open: HTMLElement;
  provisional: string;
  pending: Text;
}

/** The innermost last block of a piece: there the next words go. */
function endContainer(root: Element): Element {
  let end = root;
  for (;;) {
    const last = end.lastElementChild;
    const enters =
      last !== null && (CONTAINERS.has(last.tagName) || (end.tagName === 'PRE' && last.tagName === 'CODE'));
    if (!enters) return end;
    end = last;
  }
}

/** Shows the pieces of a growing block with the fewest changes: mostly one text node gets longer. */
export class LiveView {
  readonly #host: HTMLElement;
  readonly #caret: HTMLElement | null;
  readonly #views = new Map<number, PieceView>();

  /** @param caret shown after the last word */
  constructor(host: HTMLElement, caret: HTMLElement | null) {
    this.#host = host;
    this.#caret = caret;
  }

  update(pieces: readonly LivePiece[]): void {
    for (const piece of pieces) this.#show(piece);
    for (const [id, view] of this.#views) {
      if (pieces.some((piece) => piece.id === id)) continue;
      view.root.remove();
      this.#views.delete(id);
    }
    const last = pieces.at(-1);
    const view = last === undefined ? undefined : this.#views.get(last.id);
    if (this.#caret !== null && view !== undefined && view.pending.nextSibling !== this.#caret) {
      view.pending.after(this.#caret);
    }
  }

  #show(piece: LivePiece): void {
    const view = this.#views.get(piece.id) ?? this.#create(piece.id);
    if (view.html !== piece.html) {
      view.root.replaceChildren(toFragment(piece.html));
      view.html = piece.html;
      view.inlines = 0;
      view.end = endContainer(view.root);
      view.end.append(view.open, view.pending);
    } else if (piece.inlines.length < view.inlines) {
      // The same frame begun anew.
      view.end.replaceChildren(view.open, view.pending);
      view.inlines = 0;
    }
    for (const html of piece.inlines.slice(view.inlines)) view.open.before(toFragment(html));
    view.inlines = piece.inlines.length;
    if (view.provisional !== piece.provisional) {
      view.open.replaceChildren(toFragment(piece.provisional));
      view.provisional = piece.provisional;
    }
    if (view.pending.data !== piece.pending) view.pending.data = piece.pending;
  }

  #create(id: number): PieceView {
    const root = this.#host.ownerDocument.createElement('div');
    const pending = this.#host.ownerDocument.createTextNode('');
    const open = this.#host.ownerDocument.createElement('span');
    root.append(open, pending);
    this.#host.append(root);
    const view: PieceView = { root, html: '', inlines: 0, end: root, open, provisional: '', pending };
    this.#views.set(id, view);
    return view;
  }
}
