import { catalogue } from './catalogue.ts';

const plural = new Intl.PluralRules('en');

/** `1 connection`, `2 connections`; `count` is the number as it is shown. */
function counted(value: number, count: string, one: string, many: string): string {
  return `${count} ${plural.select(value) === 'one' ? one : many}`;
}

/** Frame of the window: rail, status bar, connection. */
export const shellTexts = catalogue({
  appName: 'Leeward',
  windowTitle: (screen: string) => `${screen} - Leeward`,
  skipToComposer: 'Skip to the message field',
  skipToContent: 'Skip to content',
  nav: 'Main',
  downloading: 'Downloading',
  screens: { chat: 'Chat', models: 'Models', performance: 'Performance', help: 'Help', settings: 'Settings' },
  statusRegion: 'Status',
  toasts: 'Undo',
  dismiss: 'Dismiss',
  shield: {
    noConnections: 'No connections',
    pastConnections: (value: number, count: string) =>
      `No connections now, ${counted(value, count, 'connection', 'connections')} this session`,
    open: (value: number, count: string, host: string) =>
      value === 1 ? `Online, ${host}` : `Online, ${count} connections, ${host} and others`,
    downloading: (value: number, count: string, host: string, connections: number, connectionCount: string) =>
      `Online for ${counted(value, count, 'download', 'downloads')}, ${host}. ${counted(connections, connectionCount, 'connection', 'connections')} this session`,
    offline: (value: number, count: string) =>
      `Offline. ${counted(value, count, 'connection', 'connections')} this session`,
    offlineRefused: (value: number, count: string, refused: string) =>
      `Offline. ${counted(value, count, 'connection', 'connections')} this session, ${refused} refused`,
    blocked: (value: number, count: string) =>
      `Offline. Blocked ${counted(value, count, 'request', 'requests')}`,
    opensPrivacy: 'Opens Privacy',
  },
  engine: {
    unknown: 'Leeward does not answer',
    stopped: 'Engine not started',
    starting: 'Engine starting',
    loading: (percent: string) => `Loading a model, ${percent}`,
    loadingUnknown: 'Loading a model',
    ready: (backend: string | null) => (backend === null ? 'Engine ready' : `Engine ready, ${backend}`),
    crashed: 'Engine stopped',
    notice: (failed: string, used: string) => `${failed} did not start, so ${used} is used`,
  },
  backends: { cpu: 'CPU', cuda: 'CUDA', vulkan: 'Vulkan', metal: 'Metal' },
  answersRunning: (value: number, count: string) => `${counted(value, count, 'answer', 'answers')} running`,
  answersQueued: (count: string) => `${count} waiting`,
  noModelLoaded: 'No model loaded',
  engineMemory: (used: string) => `Engine memory ${used}`,
  gpuMemory: (used: string, total: string) => `GPU memory ${used} of ${total}`,
  start: {
    title: 'Connecting to Leeward',
    failedTitle: 'Leeward does not answer',
    failedText: 'The app may have been closed. Start it again on this computer, then try again.',
    tryAgain: 'Try again',
    details: (code: string) => `Details: ${code}`,
  },
  lost: {
    title: 'The connection to Leeward is lost',
    text: 'What you typed is kept here, and the chats are saved. Trying again by itself.',
  },
  diskFull: {
    title: 'The disk is full',
    text: (time: string) =>
      `Saving stopped at ${time} to protect your chats; nothing is lost. Free at least 200 MB. Leeward goes on by itself as soon as it can write.`,
    review: 'See what is stored',
  },
});
