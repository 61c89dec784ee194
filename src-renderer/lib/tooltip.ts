import { on } from 'svelte/events';
import type { Attachment } from 'svelte/attachments';
import { moveBeside, type Placement } from './placement.ts';

/** Wait before a tooltip shows, so that passing over a toolbar shows none (guide section 4). */
const SHOW_DELAY_MS = 500;
/** Time to cross the gap from the control onto the tooltip, which must stay readable (WCAG 1.4.13). */
const HIDE_DELAY_MS = 120;

export interface TooltipOptions {
  text: string;
  /** Keys as shown, for example "Ctrl K". */
  shortcut?: string | undefined;
  /** The text says more than the control's name: it is given to assistive technology as a description. */
  describes?: boolean;
  placement?: Placement;
}

/** One element serves every control: only one tooltip can be open. */
let bubble: HTMLElement | undefined;
let owner: Element | undefined;
let hideTimer: ReturnType<typeof setTimeout> | undefined;

function bubbleIn(document: Document): HTMLElement {
  if (bubble?.isConnected) return bubble;
  bubble = document.createElement('div');
  bubble.className = 'tooltip';
  bubble.popover = 'manual';
  // Name and description are on the control itself; a second reading would only repeat them.
  bubble.setAttribute('aria-hidden', 'true');
  bubble.addEventListener('pointerenter', () => clearTimeout(hideTimer));
  bubble.addEventListener('pointerleave', () => hide());
  return bubble;
}

function hide(): void {
  clearTimeout(hideTimer);
  if (bubble?.isConnected && bubble.matches(':popover-open')) bubble.hidePopover();
  owner = undefined;
}

function show(node: HTMLElement, options: TooltipOptions): void {
  clearTimeout(hideTimer);
  if (options.text === '' || node.getAttribute('aria-expanded') === 'true') return;
  const element = bubbleIn(node.ownerDocument);
  // Inside a modal dialog everything outside it is inert, the tooltip too.
  const host = node.closest('dialog[open]') ?? node.ownerDocument.body;
  if (element.parentElement !== host) host.append(element);
  element.textContent = options.text;
  if (options.shortcut !== undefined && options.shortcut !== '') {
    const keys = node.ownerDocument.createElement('span');
    keys.className = 'tooltip-keys';
    keys.dir = 'ltr';
    keys.textContent = options.shortcut;
    element.append(keys);
  }
  owner = node;
  if (!element.matches(':popover-open')) element.showPopover();
  moveBeside(element, node, options.placement ?? 'below', 6);
}

/**
 * Attachment: a tooltip after 500 ms of hover or keyboard focus; Esc, a press or leaving hides it.
 */
export function tooltip(options: TooltipOptions): Attachment<HTMLElement> {
  return (node) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const cancel = (): void => {
      clearTimeout(timer);
      if (owner === node) hide();
    };
    const schedule = (): void => {
      clearTimeout(timer);
      clearTimeout(hideTimer);
      timer = setTimeout(() => show(node, options), SHOW_DELAY_MS);
    };
    const leave = (): void => {
      clearTimeout(timer);
      if (owner === node) hideTimer = setTimeout(hide, HIDE_DELAY_MS);
    };
    if (options.describes === true) node.setAttribute('aria-description', options.text);
    const offs = [
      on(node, 'pointerenter', (event) => {
        if (event.pointerType === 'mouse') schedule();
      }),
      on(node, 'pointerleave', leave),
      on(node, 'pointerdown', cancel),
      on(node, 'focus', () => {
        if (node.matches(':focus-visible')) schedule();
      }),
      on(node, 'blur', cancel),
      on(node, 'keydown', cancel),
    ];
    return () => {
      for (const off of offs) off();
      if (options.describes === true) node.removeAttribute('aria-description');
      cancel();
    };
  };
}
