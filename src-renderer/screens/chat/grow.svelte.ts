import type { Attachment } from 'svelte/attachments';

/**
 * Makes a text field as high as its text where the browser does not know `field-sizing`; the smallest and
 * largest height come from the style sheet.
 * @param text read so that a change from outside counts as well
 */
export function growing(text: () => string): Attachment<HTMLTextAreaElement> {
  return (field) => {
    if (CSS.supports('field-sizing', 'content')) return;
    $effect(() => {
      text();
      field.style.blockSize = 'auto';
      field.style.blockSize = `${field.scrollHeight}px`;
    });
  };
}
