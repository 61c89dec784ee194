import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { extractFile, uncache } from '@electron/asar';
import { listContents } from '../../resources/packaging/contents.ts';
import type { PackageTarget } from '../../resources/packaging/target.ts';
import { makeDistribution } from '../support/electron-distribution/distribution.ts';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BUILDER = join(ROOT, 'node_modules', 'electron-builder', 'cli.js');

export interface BuilderRun {
  readonly code: number | null;
  readonly output: string;
}

/** Runs electron-builder's own command as `npm run package` does. */
export function runBuilder(args: readonly string[], projectDir = ROOT): Promise<BuilderRun> {
  return new Promise((resolve, reject) => {
    // Under vitest it would link files where it copies them otherwise.
    const { VITEST: _, ...env } = process.env;
    const child = spawn(process.execPath, [BUILDER, '--publish', 'never', ...args], { cwd: projectDir, env });
    let output = '';
    const take = (text: string) => (output += text);
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

/** What this machine can package: npm installs native code for its own system alone. */
export const TARGET: PackageTarget = {
  platform: process.platform,
  arch: process.arch,
  // Says which of the two packages LEEWARD_PACKAGE is.
  cuda: process.env['LEEWARD_CUDA'] === '1',
};

/** The folder, or the bundle on macOS, that `npm run package` has made with a real Electron, when it names one. */
const MADE = process.env['LEEWARD_PACKAGE'];
/** With the stand-in for Electron's distribution, which is one for Linux. */
export const canPackage = MADE !== undefined || (process.platform === 'linux' && process.arch === 'x64');

export interface BuiltPackage {
  /** Takes everything, and is deleted at the end. */
  readonly dir: string;
  /** The folder that an installer would unpack; on macOS the bundle. */
  readonly appDir: string;
  readonly resourcesDir: string;
  /** Where the fuses are. */
  readonly executable: string;
  /** The list of contents that the build wrote. */
  readonly contents: string;
}

/**
 * A package below a path that is not easy: a copy of the one that LEEWARD_PACKAGE names, else one made for Linux
 * around the stand-in distribution.
 */
export async function buildPackage(): Promise<BuiltPackage> {
  const dir = join(mkdtempSync(join(tmpdir(), 'leeward-packaged-')), 'Grüße aus 香港 и Киев');
  const { platform, arch, cuda } = TARGET;
  const list = `contents-${platform}-${arch}${cuda ? '-cuda' : ''}.json`;
  if (MADE !== undefined) {
    const appDir = join(dir, basename(MADE));
    cpSync(MADE, appDir, { recursive: true, verbatimSymlinks: true });
    const places = {
      darwin: [join(appDir, 'Contents', 'Resources'), appDir],
      linux: [join(appDir, 'resources'), join(appDir, 'leeward')],
      win32: [join(appDir, 'resources'), join(appDir, 'Leeward.exe')],
    }[platform];
    const [resourcesDir = '', executable = ''] = places ?? [];
    const out = platform === 'darwin' ? dirname(dirname(MADE)) : dirname(MADE);
    return { dir, appDir, resourcesDir, executable, contents: join(out, list) };
  }
  const distribution = join(dir, 'electron');
  const out = join(dir, 'the output');
  await makeDistribution(distribution);
  const { code, output } = await runBuilder([
    ...['--linux', 'dir', '--x64'],
    `--config.electronDist=${distribution}`,
    `--config.directories.output=${out}`,
  ]);
  if (code !== 0) throw new Error(`electron-builder ended with ${code}:\n${output}`);
  const appDir = join(out, 'linux-unpacked');
  return {
    dir,
    appDir,
    resourcesDir: join(appDir, 'resources'),
    executable: join(appDir, 'leeward'),
    contents: join(out, list),
  };
}

/**
 * Puts a folder named app.asar in the archive's place, as plain Node sees what Electron shows to main: the files of
 * the archive, and those that lie unpacked, which Electron takes from there, as links. The sidecar, the template's
 * process and the engine's binaries are left out: what runs them must look beside the archive.
 */
export function openArchive(resourcesDir: string): string {
  const archive = join(resourcesDir, 'app.asar');
  const folder = join(resourcesDir, 'opened');
  for (const { path, place } of listContents(resourcesDir)) {
    const to = join(folder, path);
    if (
      place === 'beside' ||
      /^(?:out\/main\/(?:sidecar|template-worker)\.js$|node_modules\/@node-llama-cpp\/)/.test(path)
    )
      continue;
    mkdirSync(dirname(to), { recursive: true });
    if (place === 'archive') writeFileSync(to, extractFile(archive, path.split('/').join(sep)));
    else symlinkSync(join(resourcesDir, 'app.asar.unpacked', path), to);
  }
  uncache(archive);
  renameSync(archive, join(resourcesDir, 'archive'));
  renameSync(folder, archive);
  return archive;
}

/** Takes every right to write away, or gives it back. */
export function setWritable(dir: string, writable: boolean): void {
  for (const path of [dir, ...everything(dir)]) {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats) chmodSync(path, writable ? stats.mode | 0o200 : stats.mode & ~0o222);
  }
}

/** One line for each file and folder: path, rights, time of the last change, and hash. */
export function fingerprint(dir: string): string[] {
  return everything(dir).map((path) => {
    const stats = statSync(path);
    const hash = stats.isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : '-';
    return `${relative(dir, path)} ${stats.mode.toString(8)} ${stats.mtimeMs} ${hash}`;
  });
}

const everything = (dir: string) =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

/** Deletes a package that may have become read-only. */
export function removePackage({ dir }: BuiltPackage): void {
  if (existsSync(dir)) setWritable(dir, true);
  rmSync(dirname(dir), { recursive: true, force: true });
}
