/** Texts of the Models screen. Figures arrive formatted by `lib/format.ts`. */
import { catalogue } from './catalogue.ts';

/** What a licence allows, in a few words. The licence's own text decides; the screen says so. */
const licencePlain = {
  permissive: 'any use, also at work; keep the notice',
  permissiveNoConditions: 'any use, without conditions',
  attribution: 'any use; name the author',
  attributionShareAlike: 'any use; name the author, share changes alike',
  copyleft: 'any use; changes that you pass on stay under this licence',
  nonCommercial: 'no commercial use; name the author',
  research: 'research only, not for work',
  nonProduction: 'testing and research only, not in production',
  gemma: 'terms by Google: work use allowed, some uses are excluded',
  llama: 'terms by Meta: work use allowed below 700 million users, some uses are excluded',
  useRestrictions: 'work use allowed, some uses are excluded',
  vendor: 'the terms of its maker apply',
} as const;

export type LicencePlainKey = keyof typeof licencePlain;

export const modelsTexts = catalogue({
  title: 'Models',
  /** Beside the title: "27.4 GB in 7 models". */
  summary: (count: number, size: string) => `${size} in ${count === 1 ? '1 model' : `${count} models`}`,
  summaryFree: (sizes: string, free: string) => `${sizes}, ${free} free`,
  openGguf: 'Open GGUF',
  filterLabel: 'Filter models',
  filterPlaceholder: 'Name, licence or quant',
  fitsFully: 'Fits fully',
  anyLicence: 'Any licence',
  filterCount: (shown: number, all: number) => `${shown} of ${all} models`,

  sort: { label: 'Sort by', lastUsed: 'Last used', name: 'Name', size: 'Size' },
  listTitle: 'On this computer',
  listNote: 'files stay where they are; speeds are medians measured here',
  columns: {
    model: 'Model',
    quant: 'Quant',
    size: 'Size',
    licence: 'Licence',
    lastUsed: 'Last used',
    speed: 'Tok/s',
    actions: 'Actions',
  },
  /** Second line of a row: "7.25B, 32k context". */
  contextShort: (tokens: string) => `${tokens} context`,
  noLicence: 'Not stated',
  noQuant: 'Unknown',
  unknown: 'Unknown',
  neverUsed: 'Never',
  now: 'Now',
  loaded: 'Loaded',
  loading: (percent: string | null) => (percent === null ? 'Loading' : `Loading ${percent}`),
  missing: 'File missing',
  crashed: 'Last load stopped',
  missingLine: (location: string) => `No file at ${location}`,
  splitParts: (parts: number) => `${parts} files`,
  rowMenu: (name: string) => `Actions for ${name}`,

  menu: {
    chat: 'Chat',
    load: 'Load',
    unload: 'Unload',
    cancelLoad: 'Stop loading',
    details: 'Show details',
    remove: 'Remove from the list',
    removeKey: 'Del',
  },

  empty: {
    title: 'No model on the list yet',
    textPick: 'Open a GGUF file to add it. It stays where it is; nothing is copied or uploaded.',
    textFolders: (folders: number) =>
      folders === 1
        ? 'Add a GGUF file from the allowed folder. It stays where it is; nothing is copied or uploaded.'
        : 'Add a GGUF file from the allowed folders. It stays where it is; nothing is copied or uploaded.',
    textNoFolders:
      'This app was started without a models folder, so there is nothing to choose from yet. Start it again with --models-dir and the folder that holds your GGUF files.',
  },
  noMatch: {
    title: (query: string) => `No model matches “${query}”`,
    titleFilters: 'No model matches the filters',
    text: (count: number) =>
      `Name, licence, quant and architecture of ${count === 1 ? '1 model' : `${count} models`} were searched.`,
    action: 'Clear the filter',
  },
  reading: 'Reading the list of models',

  removed: (name: string) => `${name} is off the list. The file was kept.`,
  undo: 'Undo',
  added: (name: string) => `${name} was added.`,

  drop: {
    title: 'Drop the file to add it',
    text: 'It stays where it is.',
    unmatchedTitle: (count: number) =>
      count === 1
        ? 'The dropped file is not in an allowed folder'
        : 'The dropped files are not in an allowed folder',
    unmatchedText: (names: string, folders: string) =>
      `A browser does not tell where a dropped file lies, so it is looked for by name and size in ${folders}. Not found: ${names}. Move it there, then add it.`,
    unmatchedNoFolders: (names: string) =>
      `A browser does not tell where a dropped file lies, and no models folder is allowed. Start the app with --models-dir and the folder of ${names}.`,
    dismiss: 'Close',
  },

  add: {
    title: 'Open a GGUF file',
    description: 'Files in the folders that this app may read. An added file stays where it is.',
    descriptionNone: 'This app may not read any folder yet.',
    folders: 'Allowed folders',
    folderMissing: 'not found',
    files: 'Files found',
    fileCount: (count: number) => (count === 1 ? '1 file' : `${count} files`),
    searching: 'Looking for GGUF files',
    none: 'No GGUF file found yet',
    noneHint: 'Put a model file that ends in .gguf into one of these folders, then look again.',
    noFolders: 'Start the app with a folder that holds GGUF files:',
    noFoldersCommand: 'npm run serve -- --models-dir ~/models',
    add: 'Add',
    addLabel: (name: string) => `Add ${name}`,
    onList: 'On the list',
    filter: 'Filter files',
    filterPlaceholder: 'File name or folder',
    noMatch: 'No file name or folder matches.',
    again: 'Look again',
    close: 'Done',
    dropHint: 'You can also drop a file from these folders here.',
    failed: 'The folders could not be read.',
  },

  detail: {
    region: 'Model details',
    close: 'Close details',
    /** "llama, 7.25 billion parameters, 32 layers, context up to 32,768." */
    line: (parts: readonly string[]) => `${parts.join(', ')}.`,
    parametersLong: (figure: string) => `${figure} parameters`,
    layers: (value: number, count: string) => (value === 1 ? `${count} layer` : `${count} layers`),
    contextUpTo: (tokens: string) => `context up to ${tokens}`,
    chat: 'Chat',
    load: 'Load',
    unload: 'Unload',
    cancelLoad: 'Stop loading',
    loadingLabel: (name: string) => `Loading ${name}`,
    loadingLine: (percent: string, left: string | null) =>
      left === null ? percent : `${percent}, ${left} left`,
    loadingUnknown: 'Starting to load',
    loadSteps: {
      threads: 'Finding the best number of threads, once for this model',
      cache: 'Checking the smaller context with this model',
    },
    runningAnswering: (line: string) => `${line} It is answering; unloading stops the answer.`,
    remove: 'Remove from the list',
    removeNote: 'The file stays where it is.',
    reading: 'Reading the header',
    failedTitle: 'The header could not be read',
    retry: 'Try again',
    about: 'About this model',
    running: 'In memory',
    runningContext: (tokens: string) => `context ${tokens}`,
    runningLayers: (layers: string) => `${layers} layers on the graphics card`,
    /** By the engine's name of it. */
    runningOn: {
      cpu: 'on the processor',
      cuda: 'on the graphics card with CUDA',
      vulkan: 'on the graphics card with Vulkan',
      metal: 'on the graphics card with Metal',
    },
    runningMemory: (figure: string) => `${figure} in the engine's process`,
    settings: 'Load settings',
    settingsNote: 'used the next time it is loaded',
    facts: {
      name: 'Name',
      licence: 'Licence',
      architecture: 'Architecture',
      parameters: 'Parameters',
      layers: 'Layers',
      heads: 'Attention heads',
      headsValue: (heads: string, kvHeads: string) => `${heads}, ${kvHeads} for keys and values`,
      embedding: 'Embedding length',
      vocabulary: 'Vocabulary',
      vocabularyValue: (count: string) => `${count} tokens`,
      tokenizer: 'Tokeniser',
      context: 'Context, trained',
      contextValue: (tokens: string) => `${tokens} tokens`,
      quant: 'Quant',
      size: 'Size',
      sizeParts: (size: string, parts: number) => `${size} in ${parts} files`,
      file: 'File',
      location: 'Stored in',
      added: 'Added',
      lastUsed: 'Last used',
    },
    licenceNote: 'In short; the text of the licence decides.',
    licenceNone: 'The header does not state one. See where the file came from.',
    template: 'Chat template',
    templateNone: 'The header has no chat template. The engine picks a plain one, so answers may run on.',
    templateSize: (characters: string) => `${characters} characters`,
    copyTemplate: 'Copy the template',
    copied: 'Copied',
    copyFailed: 'The browser did not allow copying.',
    metadata: 'Header, all entries',
    metadataCount: (count: string) => `${count} entries`,
    metadataFilter: 'Filter header entries',
    metadataPlaceholder: 'Key or value',
    metadataKey: 'Key',
    metadataValue: 'Value',
    metadataNoMatch: 'No entry matches.',
    metadataShow: 'Show',
    metadataHide: 'Hide',
  },

  settings: {
    context: 'Context size',
    contextHint: 'How many tokens fit in a chat with this model. More needs more memory.',
    contextTrained: (tokens: string) =>
      `The model was trained with ${tokens}; above that, answers get worse.`,
    automatic: 'Automatic',
    own: 'Own number',
    contextNumber: 'Context size in tokens',
    gpuLayers: 'Layers on the graphics card',
    gpuHint: 'Automatic puts on as many as fit.',
    gpuNone: 'The engine runs on the processor now, so this has no effect.',
    gpuNumber: 'Number of layers on the graphics card',
    range: (low: string, high: string) => `Use ${low} to ${high}`,
    reload: 'Load again with these',
  },

  licencePlain,
  licenceLabels: {
    gemma: 'Gemma terms',
    research: 'Research only',
    nonProduction: 'Non-production',
    other: 'Own terms',
  },

  /** Steps of this screen alone; the others are `stepLabels` of texts/errors.ts. */
  steps: { change_context: 'Change context', remove: 'Remove from the list' },
  dismiss: 'Close',
});
