import { catalogue } from './catalogue.ts';

const plural = new Intl.PluralRules('en');

function counted(value: number, count: string, one: string, many: string): string {
  return `${count} ${plural.select(value) === 'one' ? one : many}`;
}

/** The screen before the first chat. */
export const firstRunTexts = catalogue({
  title: 'Choose a model to start',
  text: 'Leeward runs language models on this computer. What you type and read stays here.',
  lookAround: 'Look around first',
  computer: {
    label: 'This computer',
    cores: (value: number, count: string) => counted(value, count, 'core', 'cores'),
    memory: (total: string) => `${total} memory`,
    memoryFree: (free: string) => `${free} free`,
    disk: (free: string) => free,
    diskFree: 'disk space free',
    checkAgain: 'Check again',
  },
  files: {
    title: 'GGUF files on this computer',
    stay: 'Files stay where they are',
    count: (value: number, count: string) => counted(value, count, 'file', 'files'),
    lookAgain: 'Look again',
    loading: 'Looking for model files',
    add: 'Add and chat',
    addName: (name: string) => `Add and chat with ${name}`,
    chat: 'Chat',
    chatName: (name: string) => `Chat with ${name}`,
    inLibrary: 'Added',
    emptyTitle: 'No GGUF file found yet',
    emptyText: 'Put a model file that ends in .gguf into one of the folders on this page, then look again.',
    noFolderTitle: 'No folder is allowed yet',
    noFolderText: 'Start Leeward with --models-dir and the folder that holds your model files.',
    more: (value: number, count: string) => `Show ${counted(value, count, 'more file', 'more files')}`,
  },
  open: {
    title: 'Open a GGUF file',
    drop: 'Drop a .gguf file here',
    dropOr: 'Drop a .gguf file here, or',
    openFile: 'Open file',
    split: 'Split files: take the first part. Nothing is copied.',
    checking: (name: string) => `Looking for ${name}`,
    notGgufTitle: (name: string) => `${name} is not a GGUF file`,
    notGgufText: 'Model files end in .gguf. Nothing was opened.',
    notFoundTitle: (name: string) => `${name} is outside the allowed folders`,
    notFoundText:
      'A browser does not tell where a dropped file lies. Copy or move it into one of these folders, then look again:',
    found: (name: string) => `${name} found`,
  },
  folders: {
    title: 'Folders that Leeward may look into',
    missing: 'not found',
  },
  suggestion: {
    region: 'Models to download',
    recommended: 'Recommended for this computer',
    smaller: 'Smaller and faster',
    larger: 'Larger and slower',
    fit: 'Fit',
    speed: 'Speed',
    licence: 'Licence',
    unknown: 'Not known yet',
    someLimits: 'has use limits',
    workAllowed: 'work use allowed',
    download: (size: string) => `Download, ${size}`,
    downloadName: (name: string, size: string) => `Download, ${size}: ${name}`,
    details: 'Details',
    detailsName: (name: string) => `Details of ${name}`,
    quiet: 'Nothing is connected now.',
    network: (host: string) =>
      host === 'huggingface.co'
        ? 'This download connects to huggingface.co and its download hosts (*.hf.co), checks the file against its published SHA-256, then disconnects.'
        : `This download connects to ${host} and the download hosts it names, checks the file against its published SHA-256, then disconnects.`,
  },
});
