import { catalogue } from './catalogue.ts';

const plural = new Intl.PluralRules('en');

/** Texts of adapters: the tab, a model's section, and what belongs to one on the hub. */
export const adaptersTexts = catalogue({
  title: 'Adapters',
  note: 'LoRA files that change how a model answers',
  count: (value: number, count: string) =>
    `${count} ${plural.select(value) === 'one' ? 'adapter' : 'adapters'}`,
  empty: 'No adapter yet',
  emptyText:
    'An adapter is a small LoRA file in GGUF format that changes a model it was made for. Open one, or find one on the hub.',
  columns: { adapter: 'Adapter', rank: 'Rank', size: 'Size', on: 'Attached to', actions: 'Actions' },
  madeFor: (name: string) => `made for ${name}`,
  madeForUnknown: (architecture: string) => `for models of the kind ${architecture}`,
  attachedTo: (name: string) => `Show ${name}`,
  attachedNowhere: 'No model',
  missing: 'File missing',
  rowMenu: (name: string) => `Actions for ${name}`,
  remove: 'Remove from the list',
  removed: (name: string) => `${name} is off the list. Its file stays.`,
  undo: 'Undo',
  deleteFile: (size: string) => `Delete, free ${size}`,
  deleteTitle: (name: string) => `Delete ${name}?`,
  deleteToTrash: (size: string) =>
    `The file of ${size} goes to the system’s trash. Models that it is attached to answer without it.`,
  deleteForGood: (size: string) =>
    `The file of ${size} is deleted from this computer and cannot be brought back. Models that it is attached to answer without it.`,
  keep: 'Keep',
  confirmTrash: 'Move to trash',
  confirmDelete: 'Delete file',

  section: {
    note: 'used from the next answer on',
    none: 'No adapter on this computer goes with this model.',
    reading: 'Comparing with this model',
    failed: 'The adapters could not be compared with this model.',
    attach: 'Attach',
    attachName: (name: string) => `Attach ${name}`,
    detach: 'Detach',
    detachName: (name: string) => `Detach ${name}`,
    scale: (name: string) => `Strength of ${name}`,
    scaleNumber: (name: string) => `Strength of ${name} as a number`,
    scaleRange: (high: string) => `Use 0 to ${high}`,
    scaleHint: '1 is as it was trained, 0 is without it.',
    reset: 'Back to 1',
    match: {
      named: 'Made for this model.',
      fits: 'Fits this model; it names another one as its base.',
      fitsUnnamed: 'Fits this model; it does not say what it was made for.',
    },
    mismatch: {
      other_architecture: (architecture: string) => `Made for models of the kind ${architecture}.`,
      other_tensors: (tensor: string) => `Made for a model of other dimensions (${tensor} differs).`,
    },
    others: (value: number, count: string) =>
      plural.select(value) === 'one' ? `${count} that does not fit` : `${count} that do not fit`,
    missingRow: 'Adapter missing',
  },

  related: {
    title: 'Related files',
    reading: 'Looking for its base',
    failed: 'Its base could not be looked for.',
    again: 'Look again',
    here: (name: string) => `Its base is on this computer: ${name}. Attach the adapter there.`,
    names: (name: string) => `Its base is ${name}.`,
    unnamed: 'It does not say which model it was made for.',
    noBuild: 'No GGUF build of it was found on the hub.',
    take: (quant: string, size: string) => `Download its base too: ${quant}, ${size}`,
    from: (repo: string) => `from ${repo}`,
    get: (size: string) => `Download the adapter, ${size}`,
    getBase: (size: string) => `Download its base, ${size}`,
    getBoth: (size: string) => `Download both, ${size}`,
  },

  settings: {
    template: 'Template in use',
    templateHint: 'How chats are written out for the model. Change it only when answers are cut or run on.',
    templateOptions: { file: 'From the file', own: 'Own' },
    templateField: 'Own chat template (Jinja)',
    templateUse: 'Use this template',
    templateUsed: 'In use from the next load.',
    templateUnsaved: 'Not in use yet.',
    templateBroken:
      'The engine cannot write a chat with this template. Correct it, or take the one from the file.',
    templateEmpty: 'A template cannot be empty.',
    keep: 'Keep in memory',
    keepHint:
      'Automatic keeps it until another model is needed. A time gives the memory back when nothing was asked for so long.',
    keepOwn: 'Minutes',
    keepNumber: 'Minutes without an answer until its memory is given back',
    notWatched: 'Too many folders to watch; looked at once a minute',
    added: (name: string) => `${name} was added to the adapters.`,
  },
});
