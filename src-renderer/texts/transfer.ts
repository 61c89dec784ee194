import { catalogue } from './catalogue.ts';

const chats = (count: number, shown: string): string => (count === 1 ? '1 chat' : `${shown} chats`);

/** Chats in and out. */
export const transferTexts = catalogue({
  page: 'Chats',
  exportTitle: 'Export',
  exportAll: 'All chats and the archive',
  exportAllHint: 'Written on this computer, where you say. The trash is left out.',
  exportButton: 'Export chats',
  importTitle: 'Import',
  importLabel: 'Chats from a file',
  importHint:
    'A data export of ChatGPT, Claude or Open WebUI (conversations.json, or the zip file that it came in), or a JSON export of Leeward. Nothing that is here is changed.',
  importButton: 'Choose a file',
  menu: 'Export',
  dialogTitle: (count: number, shown: string) => `Export ${chats(count, shown)}`,
  allTitle: 'Export all chats',
  format: 'Format',
  formats: {
    markdown: 'Markdown',
    html: 'Web page',
    json: 'JSON',
    jsonl: 'Training file',
  },
  hints: {
    markdown: 'One text file a chat, to read anywhere. The branch on screen.',
    html: 'One page with all of them that opens in any browser and loads nothing. The branch on screen.',
    json: 'Everything: branches, settings, figures. Leeward can import it again.',
    jsonl:
      'One line of chat messages a chat, as tools for fine-tuning read them. Chats with a failed or stopped answer are left out.',
  },
  systemPrompt: 'With system prompts',
  reasoning: 'With thoughts',
  cancel: 'Cancel',
  confirm: 'Export',
  close: 'Close',
  exporting: (done: string, total: string) => `${done} of ${total} chats written`,
  exportProgress: 'Export',
  exported: 'Exported.',
  importing: (share: string) => `Reading the file, ${share}`,
  importProgress: 'Import',
  cancelled: 'Nothing was imported.',
  reportTitle: (count: number, shown: string, messages: string) =>
    count === 0 ? 'Nothing new in this file' : `${chats(count, shown)} imported, ${messages} messages`,
  alreadyHere: (count: number, shown: string) =>
    count === 1 ? '1 chat was here before.' : `${shown} chats were here before.`,
  leftOutTitle: 'Left out:',
  leftOut: {
    not_a_chat: (count: string) => `Entries that are no chats: ${count}.`,
    empty: (count: string) => `Chats without a message: ${count}.`,
    too_long: (count: string) => `Messages that are too long: ${count}.`,
    damaged: (count: string) => `Damaged chats: ${count}.`,
    not_text: (count: string) => `Pictures, sound and files without text: ${count}.`,
    tool: (count: string) => `Calls of tools and what they answered: ${count}.`,
  },
  failed: 'The file was not imported',
  failedReasons: {
    empty: 'It is empty.',
    not_json: 'It is not a file of chats: JSON was expected. Nothing of it was kept.',
    no_chats: 'There are no chats in it that Leeward knows. Nothing of it was kept.',
    truncated: 'It ends too early. Nothing of it was kept: try the whole file.',
    newer: 'It was written by a newer Leeward. Nothing of it was kept.',
    no_json_in_zip: 'There is no conversations.json in this zip file.',
    other: 'It could not be read. Nothing of it was kept.',
  },
});
