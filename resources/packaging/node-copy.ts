import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, createReadStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { nodeBinaryPath } from '../../src-main/electron/node-binary.ts';
import type { PackageTarget } from './target.ts';
import listed from './node-binaries.json' with { type: 'json' };

export interface NodeBinary {
  /** npm package that it comes from. */
  readonly package: string;
  readonly version: string;
  /** Of the file itself, in hex. */
  readonly sha256: string;
}

/** The Node of each system, by platform and architecture. */
export const nodeBinaries: Readonly<Record<string, NodeBinary>> = listed;

/** SHA-256 of a file, in hex. */
export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/**
 * Puts the pinned Node beside the app, with a note of what it is. npm checks the hash of what it
 * downloads, once; this checks the file that goes out, against a list in the repository. The app does not check
 * again at its start: who can change the binary can change the app that would look, on macOS signing changes it
 * and the system checks that signature, and reading 120 MB would cost every start.
 * @throws when it is not the listed file, or not the Node that runs this build
 */
export async function copyNode(
  root: string,
  resourcesDir: string,
  target: PackageTarget,
): Promise<NodeBinary> {
  const { platform, arch } = target;
  const expected = nodeBinaries[`${platform}-${arch}`];
  if (!expected) throw new Error(`node-binaries.json names no Node for ${platform}-${arch}.`);
  const source = nodeBinaryPath({
    isPackaged: false,
    resourcesPath: resourcesDir,
    appPath: root,
    // Checked against the list above.
    platform: platform as NodeJS.Platform,
    arch,
  });
  const from = join(root, 'node_modules', expected.package);
  const manifest = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')) as { version: string };
  // One of the packages writes v24.0.0.
  const version = manifest.version.replace(/^v/, '');
  const isOurs = platform === process.platform && arch === process.arch;
  if (version !== expected.version || (await sha256(source)) !== expected.sha256)
    throw new Error(`${expected.package} is not the file that node-binaries.json lists.`);
  if (isOurs && (process.version !== `v${version}` || (await sha256(process.execPath)) !== expected.sha256))
    throw new Error('This build does not run on the pinned Node. Start it with "npm run package".');

  const dir = join(resourcesDir, 'node');
  const copy = join(dir, basename(source));
  mkdirSync(dir, { recursive: true });
  copyFileSync(source, copy);
  chmodSync(copy, 0o755);
  if ((await sha256(copy)) !== expected.sha256) throw new Error('The copy of Node differs from its source.');
  writeFileSync(join(dir, 'node.json'), `${JSON.stringify(expected, null, 2)}\n`);
  return expected;
}
