/** Every text of the desktop host that a person reads: menus, dialogs, notices. */
export const desktopTexts = {
  appName: 'Leeward',
  menu: {
    file: 'File',
    edit: 'Edit',
    view: 'View',
    window: 'Window',
    help: 'Help',
    newChat: 'New chat',
    openModel: 'Open a GGUF file …',
    settings: 'Settings',
    chat: 'Chat',
    models: 'Models',
    performance: 'Performance',
    shortcuts: 'Keyboard shortcuts',
    about: 'About Leeward',
  },
  leave: {
    message: 'Close the window without what you typed?',
    detail: 'The text in the message field could not be saved.',
    stay: 'Keep open',
    leave: 'Close',
  },
  pickModel: { title: 'Open a GGUF file', button: 'Open', filter: 'GGUF models' },
  saveText: { filter: 'Text' },
  pickFolder: { title: 'Use a folder with models', button: 'Use folder' },
  external: {
    message: 'Open this address in your browser?',
    open: 'Open in browser',
    cancel: 'Cancel',
  },
  failure: {
    title: 'Leeward could not start',
    inUse: (folder: string) =>
      `Another Leeward holds the data folder ${folder}. Close it first, or use its window.`,
    newer: (folder: string) =>
      `The chats in ${folder} were saved by a newer version of Leeward. Nothing was changed; start the newer version.`,
    damaged: (folder: string) =>
      `The chats in ${folder} do not pass their check. Nothing was changed; the folder backups holds earlier copies.`,
    diskFull:
      'The disk is full. Nothing that was saved is lost. Free at least 200 MB, then start Leeward again.',
    folder: (folder: string) => `The folder ${folder} cannot be used. Check that it can be written to.`,
    other: 'Something failed inside the app. Its log is in the data folder.',
  },
  contextMenu: { cut: 'Cut', copy: 'Copy', paste: 'Paste', selectAll: 'Select all' },
  windowFailure: {
    title: 'The window keeps failing',
    text: 'Leeward ends now. Your chats are saved.',
  },
  settingsBroken: {
    title: 'The settings file could not be read',
    text: (keptAs: string) => `It is kept as ${keptAs}, and the defaults are used.`,
  },
  answerDone: { title: 'The answer is ready', text: 'Leeward has finished answering.' },
  answerFailed: {
    title: 'The answer is not complete',
    text: 'It stopped before its end. The chat is saved.',
  },
  tray: {
    open: 'Open Leeward',
    running: (count: number) =>
      count === 0
        ? 'No answer is running'
        : count === 1
          ? '1 answer is running'
          : `${count} answers are running`,
    toolTip: (count: number) => `Leeward, ${count === 1 ? '1 answer' : `${count} answers`} running`,
    more: (count: number) => `and ${count} more`,
    untitled: 'Chat without a name',
    stopAll: (count: number) => (count === 1 ? 'Stop the answer' : `Stop all ${count} answers`),
    quit: 'Quit Leeward',
  },
} as const;
