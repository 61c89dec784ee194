/** Texts of downloads: the cards, the dialogs, the status bar. Figures arrive formatted by `lib/format.ts`. */
import { catalogue } from './catalogue.ts';

const plural = new Intl.PluralRules('en');

function counted(value: number, count: string, one: string, many: string): string {
  return `${count} ${plural.select(value) === 'one' ? one : many}`;
}

export const downloadsTexts = catalogue({
  region: 'Downloads',
  cardLabel: (name: string) => `Download of ${name}`,
  verifyLabel: (name: string) => `Check of ${name}`,
  progressLabel: (name: string) => `Progress of ${name}`,
  /** "3.21 of 7.48 GB" */
  amount: (done: string, all: string) => `${done} of ${all}`,
  kept: (amount: string) => `${amount} kept`,
  timeLeft: (time: string) => `${time} left`,
  piecesChecked: (value: number, checked: string, all: string) =>
    `${checked} of ${counted(value, all, 'piece', 'pieces')} checked`,
  waiting: 'Waiting to start',
  waitingAfter: (name: string) => `Starts after ${name}`,
  checking: (value: number, count: string) => `Checking ${counted(value, count, 'piece', 'pieces')}`,
  repairing: (value: number, damaged: string, all: string) =>
    `${damaged} of ${counted(value, all, 'piece', 'pieces')} again`,
  paused: {
    user: 'Paused',
    disk_full: 'Paused, the disk is full',
    offline: 'Paused, Offline is on',
    network: 'No connection. Resume when ready',
    restart: 'Paused when Leeward was closed',
  },
  diskFull: {
    title: 'The disk is full',
    paused: (kept: string) =>
      `What has arrived (${kept}) is kept. Free some space on the disk of the models folder, then resume.`,
    start: (need: string, free: string) =>
      `This download needs ${need} and ${free} is free on the disk of the models folder. Nothing was fetched.`,
    startUnknown: 'There is not enough free space on the disk of the models folder. Nothing was fetched.',
  },
  noFolder: {
    title: 'There is no folder for models yet',
    text: 'Start Leeward with --models-dir and a folder that may hold models. Nothing was fetched.',
  },
  done: 'Complete, matches its published SHA-256',
  doneVerified: 'Every byte matches its published SHA-256',
  stopped: 'Stopped',
  pause: 'Pause',
  resume: 'Resume',
  tryAgain: 'Try again',
  cancel: 'Cancel the download',
  cancelVerify: 'Stop checking',
  clear: 'Take off the list',
  chat: 'Chat',

  checksum: {
    title: 'The file does not match its checksum',
    changed: (value: number, damaged: string, all: string, name: string, size: string) =>
      `${damaged} of ${counted(value, all, 'piece', 'pieces')} of ${name} changed on this disk after they were received. Only these ${size} need to be fetched again. The model stays off until they match.`,
    arrivedWrong: (name: string, size: string) =>
      `${name} did not arrive as published. Leeward can look for the wrong part; this may fetch up to ${size}.`,
    gaveUp: (name: string) =>
      `${name} did not arrive as published, and fetching it again did not help: the server sends something else than it announces. The file stays off the list.`,
    fetchAgain: (size: string) => `Fetch ${size} again`,
    search: 'Look for the wrong part',
    remove: 'Delete the file',
    details: 'Details',
    hideDetails: 'Hide details',
    expected: 'Published SHA-256',
    actual: 'SHA-256 of this file',
    fetched: 'Fetched so far',
  },

  cancelDialog: {
    title: (name: string) => `Cancel the download of ${name}?`,
    text: (kept: string) =>
      `${kept} are on this disk. Kept, a later download of the same file goes on from there.`,
    goOn: 'Go on downloading',
    keep: 'Cancel and keep',
    remove: (size: string) => `Cancel and delete ${size}`,
  },

  offline: {
    title: 'Offline is on, so this download did not start',
    text: (name: string, host: string) =>
      `${name} needs ${host}. You can allow this one download; Leeward goes back offline when it ends.`,
    allow: 'Allow this download',
    keep: 'Keep offline',
    file: 'Load from a file',
  },

  announce: {
    started: (name: string) => `Download of ${name} started`,
    percent: (name: string, percent: string) => `${name}, ${percent}`,
    done: (name: string) => `${name} is complete and on the list`,
    verified: (name: string) => `${name} was checked and matches`,
    paused: (name: string) => `Download of ${name} paused`,
    failed: (name: string) => `Download of ${name} stopped`,
  },
});
