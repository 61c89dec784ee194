import type { Settings } from '../contract/index.ts';

/** What every setting is until the user changes it. */
export const DEFAULT_SETTINGS: Settings = {
  theme: 'system',
  chatTextSize: 15,
  highContrast: false,
  sendWithEnter: true,
  announceAnswers: 'sentences',
  defaultSystemPrompt: '',
  defaultModelId: null,
  loadModelAtStart: false,
  backend: 'auto',
  flashAttention: 'auto',
  threads: null,
  contextSize: null,
  offline: false,
  offlineSince: null,
  firstRunDone: false,
  hubEndpoint: 'https://huggingface.co',
  proxyAddress: '',
  sidebarOpen: true,
  inspectorOpen: false,
  inspectorWidth: 300,
  showInTray: false,
  closeToTray: false,
  noticeWhenAnswered: true,
  titlesByModel: true,
};
