import { join } from 'node:path';
import { signAsync, type SignOptions } from '@electron/osx-sign';
import { AD_HOC } from './target.ts';

/** The engine's Node, in the app. */
const NODE = /\/Contents\/Resources\/node\/node$/;
const NODE_ENTITLEMENTS = join(import.meta.dirname, '..', 'mac', 'entitlements.node.plist');

/**
 * The options with which the app is signed. The Node alone may load libraries of others: the engine's, which carry
 * no signature of ours in a build without a certificate, and what a GPU driver brings. Without a certificate every
 * file gets an ad-hoc signature, as Apple Silicon runs nothing without one; the hardened runtime is off then,
 * since it would refuse Electron's own framework, which shares no team with the app. Pure.
 */
export function signOptions(options: SignOptions): SignOptions {
  const isAdHoc = options.identity === AD_HOC;
  return {
    ...options,
    optionsForFile: (path) => {
      const chosen = options.optionsForFile?.(path) ?? {};
      return {
        ...chosen,
        ...(NODE.test(path) ? { entitlements: NODE_ENTITLEMENTS } : {}),
        ...(isAdHoc ? { hardenedRuntime: false } : {}),
      };
    },
  };
}

/** Hook of electron-builder. */
export default function signMac(options: SignOptions): Promise<void> {
  return signAsync(signOptions(options));
}
