import { catalogue } from './catalogue.ts';

/** What one model has of its own: how it is run, how it answers by default, notes, its files. */
export const modelSettingsTexts = catalogue({
  threads: 'Processor threads',
  threadsHint:
    'Automatic takes the number of the engine settings, or finds the best one when the model is first loaded.',
  threadsNow: (count: string) => `Now ${count}.`,
  threadsMeasured: (count: string) => `Now ${count}, measured on this computer.`,
  threadsNumber: 'Number of threads for this model',
  guess: 'Guess ahead',
  guessHint:
    'At temperature 0, where an answer copies from the chat, several words are computed at once. Answers stay the same. It stops by itself where it does not pay.',
  guessOptions: { auto: 'Automatic', off: 'Off' },
  cache: 'Precision of the context',
  cacheHint: 'With 8 bits the context takes about half the memory.',
  cacheOptions: { f16: '16 bits', q8_0: '8 bits' },
  cacheWarning: 'Answers may be slightly worse, and some models stop the engine: go back to 16 bits then.',
  cachePassed: 'Checked with this model and in use.',
  cacheRefused: 'It changes the answers of this model too much or cannot be had here: 16 bits are used.',
  flash: 'Flash attention',
  flashHint: 'Switch it off when a model answers nonsense or stops the engine.',
  flashOptions: { default: 'As in Settings', auto: 'Automatic', off: 'Off' },
  sampling: 'Sampling',
  samplingHint: 'For chats that have none of their own.',
  samplingOptions: { default: 'Standard', own: 'Own' },
  temperature: 'Temperature',
  topK: 'Top-k',
  topP: 'Top-p',
  minP: 'Min-p',
  repeatPenalty: 'Repeat penalty',
  reset: 'Reset to recommended',
  notes: 'Notes',
  notesHint: 'Only for you. They stay on this computer.',
  notesSaved: 'Saved',
  deleteFile: (size: string) => `Delete, free ${size}`,
  deleteOther: 'Another app keeps this file. Delete it there.',
  deleteTitle: (name: string) => `Delete ${name}?`,
  deleteToTrash: (size: string) =>
    `The file of ${size} goes to the system’s trash, and the model leaves the list. Your chats stay.`,
  deleteForGood: (size: string) =>
    `The file of ${size} is deleted from this computer and cannot be brought back, and the model leaves the list. Your chats stay.`,
  keep: 'Keep',
  confirmTrash: 'Move to trash',
  confirmDelete: 'Delete file',
});
