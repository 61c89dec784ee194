import './found.css';

/** A mark this long is seen, and gone before it disturbs. */
const MARK_MS = 2_500;

/** Brings a turn into sight, marks it for a moment and gives it the focus, so that reading goes on there. */
export function showFound(turn: HTMLElement): void {
  turn.tabIndex = -1;
  turn.focus({ preventScroll: true });
  turn.scrollIntoView({ block: 'center' });
  // Turns far away are as high as guessed until they are laid out: once more when they are.
  requestAnimationFrame(() => turn.scrollIntoView({ block: 'center' }));
  turn.dataset['found'] = '';
  setTimeout(() => delete turn.dataset['found'], MARK_MS);
}
