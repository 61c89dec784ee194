import type { FileProblem } from '../lib/attachments/problem.ts';
import { catalogue } from './catalogue.ts';

const plural = new Intl.PluralRules('en');

const problems: Record<FileProblem, (name: string) => string> = {
  image: () => 'Leeward reads text. Images are not read by this engine yet',
  too_large: (name) => `${name} is larger than 20 MB.`,
  too_many_pages: (name) => `${name} has more than 500 pages.`,
  too_slow: (name) => `${name} took longer than 15 s to read.`,
  not_text: (name) => `${name} is not a text file.`,
  unreadable: (name) => `${name} cannot be read: it is damaged, or locked with a password.`,
  empty: (name) => `${name} holds no text. A scanned page is an image.`,
  too_long: (name) => `${name} is too long: the files of one message have at most 2,000,000 characters.`,
  too_many: (name) => `${name} was not added: a message has at most 10 files.`,
};

/** Files that go with a message. */
export const attachmentTexts = catalogue({
  add: 'Attach files',
  files: 'Attached files',
  open: (name: string) => `Show the text of ${name}`,
  remove: (name: string) => `Remove ${name}`,
  removed: (name: string) => `${name} is taken off this message`,
  undo: 'Undo',
  reading: 'Reading the file',
  tokens: (value: number, count: string) => `${count} ${plural.select(value) === 'one' ? 'token' : 'tokens'}`,
  dialogText: (characters: string) => `The text that the model reads, ${characters} characters`,
  dialogParts: (characters: string) =>
    `Of this text, ${characters} characters, the model reads the marked parts.`,
  reuse: (hasParts: boolean) =>
    hasParts ? 'Other parts with the next message' : 'Parts with the next message',
  textRegion: 'Text of the file',
  page: (number: string) => `Page ${number}`,
  loading: 'Fetching the text',
  done: 'Done',
  problems,
  /** What of a file goes with its message, as on a chip. */
  parts: (hasPages: boolean, many: boolean, numbers: string) =>
    `Parts: ${hasPages ? 'page' : 'line'}${many ? 's' : ''} ${numbers}`,
  place: (hasPages: boolean, many: boolean, numbers: string) =>
    `${hasPages ? 'Page' : 'Line'}${many ? 's' : ''} ${numbers}`,
  jump: 'Parts that went with the message',
  choose: {
    open: (name: string) => `Choose parts of ${name}`,
    title: (name: string) => `Parts of ${name}`,
    whole: (tokens: string, free: string) => `The whole file has ${tokens} tokens, and ${free} are free.`,
    tooLong: (free: string) => `The whole file is far longer than the context: ${free} tokens are free.`,
    notCounted: 'Tokens are counted once the model is loaded.',
    counting: 'Counting',
    full: 'No token is free. Take off another file, or choose parts of it, or raise the context.',
    intro: 'Only the parts that you choose go with your message. The model is told which they are.',
    how: 'How the parts are chosen',
    match: 'Parts that match the question',
    hand: 'A part chosen by hand',
    question: 'Look for',
    questionHint: 'The words of your message. Other words may find more.',
    best: 'Choose the best',
    reading: 'Reading the file',
    noWords: 'Write what the parts should be about.',
    noMatch: 'No part matches these words. Try others, or choose a part by hand.',
    noneFits: 'No matching part fits into what is free. Take off another file, or raise the context.',
    hits: 'Parts that match, best first',
    more: (value: number, count: string) =>
      `${count} more ${plural.select(value) === 'one' ? 'part matches' : 'parts match'} less well.`,
    showInText: (place: string) => `Show in the text: ${place}`,
    pages: 'Pages',
    lines: 'Lines',
    pagesHint: (count: string) => `For example 3, 7-9. The file has ${count} pages.`,
    linesHint: (count: string) => `For example 10-40, 120-180. The file has ${count} lines.`,
    problems: {
      form: 'Use numbers and ranges, such as 3, 7-9.',
      beyond: (count: string) => `Use numbers from 1 to ${count}.`,
    },
    text: 'Text of the file, in parts',
    showMore: 'Show more of the text',
    used: 'Tokens of the chosen parts',
    usedOf: (used: string, free: string) => `${used} of ${free} free tokens`,
    over: 'More than fits: the message could not be sent so.',
    leftOut: (value: number, count: string) =>
      `${count} old ${plural.select(value) === 'one' ? 'message' : 'messages'} would be left out for it.`,
    nothing: 'No part is chosen.',
    use: 'Use these parts',
    useWhole: 'Use the whole file',
    cancel: 'Cancel',
  },
});
