import { catalogue } from './catalogue.ts';

/** What the disk keeps of chats that a model has read. */
export const savedStateTexts = catalogue({
  title: 'Saved state',
  keep: 'Keep what models have read',
  keepHint:
    'An old chat then goes on at once, after a restart too, instead of being read again. Saved when you leave a chat, after 30 seconds of quiet and when you quit, never after each answer, and never for temporary chats. It is deleted with its chat. Off deletes all of it.',
  cap: 'Space on the disk',
  capHint: (cap: string) => `At most ${cap} now. What saves the least time for its size goes first.`,
  capHintPlain: 'What saves the least time for its size goes first.',
  capAutomatic: 'Automatic',
  held: 'Kept now',
  heldValue: (count: number, shown: string, size: string) =>
    count === 0
      ? 'Nothing'
      : count === 1
        ? `${size} for 1 place in a chat`
        : `${size} for ${shown} places in chats`,
  written: 'Written today',
  clear: 'Delete saved state',
  cleared: 'Deleted. Chats are read again when you go on with them.',
  clearFailed: 'It could not be deleted. Try again.',
  failed: 'What is kept could not be read.',
});
