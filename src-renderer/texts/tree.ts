import { catalogue } from './catalogue.ts';

const plural = new Intl.PluralRules('en');
const messages = (value: number, count: string) =>
  `${count} ${plural.select(value) === 'one' ? 'message' : 'messages'}`;

/** Versions and branches of a chat, and messages that wait. */
export const treeTexts = catalogue({
  menu: {
    answer: 'More for this answer',
    question: 'More for this message',
    copyPlain: 'Copy as plain text',
    copyMarkdown: 'Copy as Markdown',
    copy: 'Copy message',
    edit: 'Edit',
    answerThis: 'Answer this message',
    beginWith: 'Answer that begins with …',
    continue: 'Continue',
    fork: 'Fork to a new chat',
    remove: 'Delete branch',
    removeDetail: 'This message and all below it',
  },
  version: {
    previous: 'Previous version',
    next: 'Next version',
    place: (index: string, count: string) => `${index}/${count}`,
    label: (index: string, count: string) => `Version ${index} of ${count}`,
  },
  edit: {
    question: 'Edit message',
    answer: 'Edit answer',
    beginning: 'The answer begins with',
    saveAndAnswer: 'Save and answer',
    saveOnly: 'Save without answering',
    saveAnswer: 'Save answer',
    write: 'Write on from here',
    cancel: 'Cancel',
    busy: 'An answer is being written',
    empty: 'Type something first',
    questionHint: 'The version before stays.',
    beginningHint: 'The model goes on after these words.',
  },
  turn: {
    continue: 'Continue',
    edited: 'Edited',
    answer: 'Answer this message',
    unanswered: 'Not answered yet',
    begunWith: 'Begins with text that was given',
  },
  removed: (value: number, count: string) =>
    `${messages(value, count)} ${plural.select(value) === 'one' ? 'was' : 'were'} deleted`,
  undo: 'Undo',
  forkTitle: (title: string) => `${title} (fork)`,
  details: {
    file: 'Model file',
    fileUnknown: 'hash not known',
    sampling: 'Sampling',
    topK: 'Top-k',
    topP: 'Top-p',
    minP: 'Min-p',
    repeatPenalty: 'Repeat penalty',
    maxTokens: 'Longest answer',
    noLimit: 'no limit',
    tokens: (value: number, count: string) =>
      `${count} ${plural.select(value) === 'one' ? 'token' : 'tokens'}`,
    gpuLayers: 'GPU layers',
    threads: 'Threads',
    automatic: 'automatic',
    app: 'Leeward',
    leftOut: 'Left out',
    leftOutValue: (value: number, count: string) => messages(value, count),
  },
  replay: {
    run: 'Run again with the same settings',
    same: 'Same model, sampling and seed.',
    changed: 'No longer the same:',
    checking: 'Looking what is still the same',
    changes: {
      unknown: 'The settings of this answer were not noted.',
      model_gone: 'The model is no longer on this computer.',
      model_file: 'the model file was changed',
      system_prompt: 'the system prompt',
      context_size: 'the context size',
      backend: 'the backend',
      engine: 'the engine version',
    },
  },
  queue: {
    queue: 'Queue',
    hint: 'Enter queues the message; Esc stops the answer',
    list: 'Messages that wait',
    entry: (text: string) => `Queued: "${text}"`,
    files: (value: number, count: string) => `${count} ${plural.select(value) === 'one' ? 'file' : 'files'}`,
    edit: 'Edit queued message',
    remove: 'Remove queued message',
    earlier: 'Send earlier',
    later: 'Send later',
    field: 'Queued message',
    save: 'Save',
    cancel: 'Cancel',
    removed: 'A queued message was removed',
    undo: 'Undo',
    waiting: (value: number, count: string) =>
      `${messages(value, count)} ${plural.select(value) === 'one' ? 'waits' : 'wait'}: the answer before did not complete here.`,
    tooLong: (value: number, count: string) =>
      `${messages(value, count)} ${plural.select(value) === 'one' ? 'waits' : 'wait'}: the context has no room for the next one.`,
    sendNow: 'Send now',
  },
});
