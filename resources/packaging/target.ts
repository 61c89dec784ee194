import type { AfterPackContext } from 'electron-builder';
import { Arch } from 'electron-builder';

/** What one run of electron-builder makes. */
export interface PackageTarget {
  /** As `process.platform` says it. */
  readonly platform: string;
  /** As `process.arch` says it. */
  readonly arch: string;
  /** With the engine's CUDA builds. */
  readonly cuda: boolean;
}

/**
 * Builds of the engine for each system, the plain one first. Without the plain one nothing runs, so every one
 * that is named here must be there.
 */
const ENGINE_BUILDS: Readonly<Record<string, readonly string[]>> = {
  'darwin-arm64': ['mac-arm64-metal'],
  'darwin-x64': ['mac-x64'],
  'linux-arm64': ['linux-arm64'],
  'linux-x64': ['linux-x64', 'linux-x64-vulkan'],
  'win32-x64': ['win-x64', 'win-x64-vulkan'],
};

/**
 * CUDA's builds add some 560 MB and serve only machines with NVIDIA's CUDA Toolkit (they link libcudart and
 * libcublas of versions 12 and 13, which no driver brings); everyone else's NVIDIA card runs on Vulkan. So they
 * are a package of their own, electron-builder.cuda.yml.
 */
const CUDA_BUILDS: Readonly<Record<string, readonly string[]>> = {
  'linux-x64': ['linux-x64-cuda', 'linux-x64-cuda-ext'],
  'win32-x64': ['win-x64-cuda', 'win-x64-cuda-ext'],
};

/** What macOS calls a signature without a certificate. */
export const AD_HOC = '-';

export function targetOf(context: AfterPackContext): PackageTarget {
  return {
    platform: context.electronPlatformName,
    arch: Arch[context.arch] ?? '',
    cuda: context.packager.config.extraMetadata?.['engine'] === 'cuda',
  };
}

/** Names of the npm packages with the engine's native code. @throws for a system that we make no package for */
export function enginePackages({ platform, arch, cuda }: PackageTarget): string[] {
  const key = `${platform}-${arch}`;
  const builds = ENGINE_BUILDS[key];
  if (!builds) throw new Error(`There is no package of Leeward for ${key}.`);
  return [...builds, ...(cuda ? (CUDA_BUILDS[key] ?? []) : [])].map((name) => `@node-llama-cpp/${name}`);
}

/** The one of better-sqlite3's prebuilt files that runs on the system; it is N-API, so Node and Electron share it. */
export const sqliteBinary = ({ platform, arch }: PackageTarget) =>
  `node_modules/better-sqlite3/prebuilds/${platform}-${arch}.node`;
