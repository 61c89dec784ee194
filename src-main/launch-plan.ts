export interface HostChoice {
  readonly host: 'desktop' | 'browser';
  /** One line for the person at the terminal. */
  readonly why: string;
}

/** Decides which host `npm start` and `npm run serve` run. Pure. */
export function chooseHost(facts: {
  /** Path of Electron's binary; null when it is not installed. */
  electronBinary: string | null;
  /** The build has a desktop entry. */
  desktopBundle: boolean;
  mode: 'start' | 'serve';
}): HostChoice {
  if (facts.mode === 'serve') return { host: 'browser', why: 'Leeward serves your browser, as asked.' };
  if (!facts.desktopBundle) {
    return { host: 'browser', why: 'Leeward runs in your browser: this version has no desktop window yet.' };
  }
  if (facts.electronBinary === null) {
    return { host: 'browser', why: 'Leeward runs in your browser: Electron is not installed.' };
  }
  return { host: 'desktop', why: 'Leeward runs in its own window: Electron is installed.' };
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
