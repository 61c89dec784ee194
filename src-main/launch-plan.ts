export interface HostChoice {
  readonly host: 'desktop' | 'browser';
  /** One line for the person at the terminal. */
  readonly why: string;
}

export interface HostFacts {
  /** Path of Electron's binary; null when it is not installed. */
  readonly electronBinary: string | null;
  /** The build has a desktop entry. */
  readonly desktopBundle: boolean;
  /** Why this session can show no window, as {@link windowProblem} says; null when it can. */
  readonly windowProblem: string | null;
  readonly mode: 'start' | 'serve';
}

/** Decides which host `npm start` and `npm run serve` run. Pure. */
export function chooseHost(facts: HostFacts): HostChoice {
  const inBrowser = (why: string): HostChoice => ({ host: 'browser', why });
  if (facts.mode === 'serve') return inBrowser('Leeward serves your browser, as asked.');
  if (facts.windowProblem !== null) return inBrowser(`Leeward runs in your browser: ${facts.windowProblem}`);
  if (!facts.desktopBundle)
    return inBrowser('Leeward runs in your browser: the desktop window is not built.');
  if (facts.electronBinary === null) {
    return inBrowser('Leeward runs in your browser: Electron is not installed.');
  }
  return { host: 'desktop', why: 'Leeward runs in its own window.' };
}

/** True when fetching Electron's binary would change the choice. Pure. */
export function wantsElectron(facts: HostFacts): boolean {
  return (
    facts.electronBinary === null && chooseHost({ ...facts, electronBinary: 'there' }).host === 'desktop'
  );
}

/** Why no window can be shown here; null when one can. Pure. @param userId null where there is none */
export function windowProblem(
  platform: NodeJS.Platform,
  env: Readonly<Record<string, string | undefined>>,
  userId: number | null,
): string | null {
  if (platform !== 'linux') return null;
  if (!env['DISPLAY'] && !env['WAYLAND_DISPLAY']) return 'there is no display here.';
  // Chromium refuses its sandbox to root, and without it no window of ours is opened.
  return userId === 0 ? 'a window needs an account that is not root.' : null;
}

/** True when an output is missing or older than a source. Times in ms since 1970. */
export function needsBuild(builtAtMs: number | null, newestSourceMs: number): boolean {
  return builtAtMs === null || builtAtMs < newestSourceMs;
}

/** Oldest Node that runs TypeScript as it is, without a flag. */
const OLDEST_NODE = [22, 18] as const;

/** A sentence when this Node is too old for the sources, else null. @param version as `process.versions.node` */
export function nodeProblem(version: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isOld = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
  return isOld
    ? `This is Node ${version}. Start Leeward with "npm start": it brings the Node that it needs.`
    : null;
}
