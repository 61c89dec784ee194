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
  answering: () => 'A message with files cannot wait. Send it when the answer is complete.',
};

/** Files that go with a message. */
export const attachmentTexts = catalogue({
  add: 'Attach files',
  files: 'Attached files',
  open: (name: string) => `Show the text of ${name}`,
  remove: (name: string) => `Remove ${name}`,
  reading: 'Reading the file',
  tokens: (value: number, count: string) => `${count} ${plural.select(value) === 'one' ? 'token' : 'tokens'}`,
  dialogText: (characters: string) => `The text that the model reads, ${characters} characters`,
  textRegion: 'Text of the file',
  page: (number: string) => `Page ${number}`,
  loading: 'Fetching the text',
  done: 'Done',
  problems,
});
