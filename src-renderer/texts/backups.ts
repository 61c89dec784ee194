import { catalogue } from './catalogue.ts';

const chats = (count: number, shown: string): string => (count === 1 ? '1 chat' : `${shown} chats`);

/** Backups of the chats, and what the app offers when the database is damaged. */
export const backupTexts = catalogue({
  title: 'Backups',
  make: 'Back up now',
  label: 'Once a day, by itself',
  hint: 'The newest of the last 7 days and 4 weeks stay, and 5 of each other kind. They lie in the data folder and are not encrypted.',
  space: (held: string, free: string) => `They hold ${held}. ${free} is free.`,
  tooLittle: (free: string, needed: string) =>
    `No backup is made while so little is free: ${free} of the ${needed} that it needs. Free some space first.`,
  none: 'No backup yet. The first one is made when there are chats.',
  listLabel: 'Backups, newest first',
  loading: 'Reading the backups',
  failed: 'The backups could not be read.',
  made: 'The backup is made.',
  restored: 'The backup is in place. What was there before is in the list, as the newest one.',
  restore: 'Restore',
  restoreNamed: (date: string) => `Restore the backup of ${date}`,
  facts: (count: number, shown: string, size: string) => `${chats(count, shown)}, ${size}`,
  reasons: {
    daily: 'Daily',
    manual: 'Made by hand',
    restore: 'Before a restore',
    upgrade: 'Before an update',
  },
  dialogTitle: (date: string) => `Restore the backup of ${date}?`,
  dialogText: (count: number, shown: string) =>
    `It holds ${chats(count, shown)}. What is here now becomes a backup and gives its place to it, so this can be undone.`,
  dialogMore:
    'It is copied and checked first, while everything goes on. Then running answers are stopped. The list of models, folders, tags and presets goes back too; model files and settings stay.',
  cancel: 'Cancel',
  confirm: 'Restore',
  cancelled: 'The restore was cancelled. Nothing was changed.',
  stepLabel: 'Restore',
  steps: {
    copy: (done: string, total: string) => `Copying ${done} of ${total}`,
    check: 'Checking every page',
    update: 'Bringing it to this version',
  },
  exchanging: 'Putting it in place',
  lowTitle: (free: string) => `Only ${free} is free on this disk`,
  lowText: (held: string, count: number, shown: string) =>
    `When it is full, new messages cannot be saved. Backups hold ${held}, and the trash holds ${chats(count, shown)}.`,
  lowReview: 'Show backups',
  damagedTitle: 'The chat database does not pass its check',
  damagedText:
    'Nothing was changed. Choose a backup to go on with: every one in this list was read whole and is good. The damaged database stays in the data folder under a new name.',
  damagedNone:
    'Nothing was changed. There is no good backup. You can begin without chats: the damaged database stays in the data folder under a new name.',
  newerTitle: 'Your chats were saved by a newer Leeward',
  newerText:
    'Nothing was changed. Start the newer version again to open them. Or go on with a backup from before: every one in this list was read whole and is good, and the newer chats stay in the data folder under a new name.',
  newerNone:
    'Nothing was changed. There is no backup from before that this version can open. Start the newer version of Leeward again.',
  look: 'Look at what can still be read',
  lookHint: 'Opens the chats that can be read, to read and export them. Nothing is changed.',
  lookBusy: 'Reading what can be read',
  lookNothing: 'Nothing of this database can be read.',
  salvagedTitle: 'You are looking at what can still be read',
  salvagedText: (count: number, shown: string, messages: string) =>
    `${chats(count, shown)} with ${messages} messages could be read. Nothing can be changed here: export what you need, then choose a backup to go on with.`,
  salvagedLost: 'Some entries could not be read.',
  salvagedExport: 'Export chats',
  salvagedEnd: 'Choose a backup',
  damagedLeave: 'Close this page or window to leave everything as it is.',
  checking: 'Checking the backups',
  open: (date: string) => `Open the backup of ${date}`,
  begin: 'Begin without chats',
  opening: 'Opening',
});
