const hosts = ['browser', 'desktop', 'electron'] as const;
const named = process.env['LEEWARD_E2E_HOST'];

/**
 * Which host the specs run on: the browser host, the desktop's built main through the Electron stand-in, or that
 * in a real Electron.
 */
export const HOST = hosts.find((host) => host === named) ?? 'browser';

export const HAS_TABS = HOST === 'browser';

/** What a person meets differently. A browser tab keeps Ctrl N for itself. */
export const onHost = HAS_TABS
  ? { shownIn: 'Browser', newChat: { press: 'Alt+n', shown: 'Alt N' } }
  : { shownIn: 'Desktop app', newChat: { press: 'Control+n', shown: 'Ctrl N' } };
