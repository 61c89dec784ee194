import { createHmac, randomBytes } from 'node:crypto';
import { opendir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';
import { appError, type ModelFolder } from '../contract/index.ts';
import type { AllowedFolder } from '../platform.ts';
import { readOllamaStore } from './ollama.ts';
import { shortPath } from './short-path.ts';

/** Deep enough for every known layout (shared caches nest five deep), and the end of every loop. */
export const MAX_DEPTH = 6;
/** A folder that holds more is somebody's home; what was found so far is shown. */
const MAX_ENTRIES = 20_000;
/** `name-00001-of-00003.gguf`, as the engine's splitter names parts. */
const PART_NAME = /^(?<stem>.+)-(?<part>\d{5})-of-(?<count>\d{5})\.gguf$/iu;
/** Projectors for images: no model of their own. */
const PROJECTOR = /mmproj/iu;
const MAX_PARTS = 1_000;

/** A place with model files. */
export interface ModelSource extends AllowedFolder {
  /** Instead of the folder's own name. */
  readonly label?: string;
  /** `ollama`: files have hashes for names, and manifests tell which is which. */
  readonly layout?: 'folders' | 'ollama';
}

/** One model on disk: a file, or all parts of a split one. */
export interface FoundModel {
  /** Of the only or the first part; what the engine opens. */
  path: string;
  fileName: string;
  /** Every part in order. */
  partPaths: string[];
  /** Of the parts that are there. */
  sizeBytes: number;
}

export interface ModelFiles {
  folders(): Promise<Pick<ModelFolder, 'id' | 'label' | 'path' | 'available'>[]>;
  /**
   * GGUF files in the allowed folders and those that a host dialog gave, split files as one, the same file in two
   * places once.
   * @param within ids of the only folders to look into
   */
  list(within?: ReadonlySet<string>): Promise<{ fileId: string; found: FoundModel }[]>;
  /** The name for a person: another app's when the file's own is a hash. */
  nameOf(path: string): Promise<string>;
  /** Lets files that the user chose in a host dialog or dropped be added; returns their ids in order. */
  allow(paths: readonly string[]): Promise<string[]>;
  /**
   * The file behind an id of this run, checked again.
   * @throws not_found, model_file_missing, model_file_forbidden
   */
  resolve(fileId: string): Promise<FoundModel>;
  /** All parts of the model at `path`, which the core trusts. @throws model_file_missing */
  parts(path: string): Promise<FoundModel>;
  /** Folder label and the path below it; the folder's name alone for a file outside. */
  location(path: string): string;
}

/**
 * Finds model files. Paths go in here and ids come out: a client never names a path.
 * @param sources asked at each call: the user may allow more while the app runs
 */
export function createModelFiles(sources: () => readonly ModelSource[]): ModelFiles {
  // Random for each run, so that an id tells nothing about its path.
  const key = randomBytes(32);
  const pathById = new Map<string, string>();
  const chosenPaths = new Set<string>();
  /** Of files whose own name is a hash. */
  const nameByPath = new Map<string, string>();

  const idOf = (path: string) => {
    const id = createHmac('sha256', key).update(path).digest('base64url').slice(0, 22);
    pathById.set(id, path);
    return id;
  };

  const readNamed = async (root: string): Promise<FoundModel[]> =>
    (await readOllamaStore(root)).map(({ name, path, sizeBytes }) => {
      nameByPath.set(path, name);
      return { path, fileName: name, partPaths: [path], sizeBytes };
    });

  const mayUse = async (path: string) => {
    if (chosenPaths.has(path)) return true;
    const real = await realPathOf(path);
    return (
      real !== null &&
      (await Promise.all(sources().map((folder) => realPathOf(folder.path)))).some(
        (folder) => folder !== null && isInside(folder, real),
      )
    );
  };

  return {
    folders: async () => {
      const folders = sources();
      const labels = folderLabels(folders);
      return Promise.all(
        folders.map(async ({ id, path }, index) => ({
          id,
          label: labels[index] ?? basename(path),
          path: shortPath(path),
          available: (await statOf(path))?.isDirectory() ?? false,
        })),
      );
    },
    async list(within) {
      const folders = sources().filter(({ id }) => within === undefined || within.has(id));
      const named = folders.filter(({ layout }) => layout === 'ollama');
      const plain = folders.filter(({ layout }) => layout !== 'ollama');
      const scanned = await Promise.all(plain.map(({ path }) => scanFolder(path)));
      const models = await groupParts([...scanned.flat(), ...(within === undefined ? chosenPaths : [])]);
      for (const { path } of named) models.push(...(await readNamed(path)));
      return (await withoutTwins(models)).map((found) => ({ fileId: idOf(found.path), found }));
    },
    async nameOf(path) {
      if (!isGguf(path) && !nameByPath.has(path)) {
        const source = sources().find((folder) => isInside(folder.path, path));
        if (source?.layout === 'ollama') await readNamed(source.path);
      }
      return nameByPath.get(path) ?? basename(path);
    },
    async allow(paths) {
      const ids: string[] = [];
      for (const path of paths) {
        const real = await realPathOf(path);
        if (real === null || !isGguf(real)) continue;
        const { path: first, partPaths } = namedParts(real);
        for (const part of partPaths) chosenPaths.add(part);
        ids.push(idOf(first));
      }
      return [...new Set(ids)];
    },
    async resolve(fileId) {
      const path = pathById.get(fileId);
      if (path === undefined) throw appError('not_found');
      const found = await findParts(path);
      for (const part of found.partPaths) {
        if (!(await mayUse(part))) throw appError('model_file_forbidden', { fileName: basename(part) });
      }
      return { ...found, fileName: nameByPath.get(found.path) ?? found.fileName };
    },
    parts: findParts,
    location(path) {
      const folders = sources();
      const labels = folderLabels(folders);
      const index = folders.findIndex((folder) => isInside(folder.path, path));
      const folder = folders[index];
      if (!folder) return basename(dirname(path)) || sep;
      if (folder.layout === 'ollama') return labels[index] ?? basename(folder.path);
      const below = relative(folder.path, dirname(path));
      return [labels[index] ?? basename(folder.path), ...below.split(sep).filter(Boolean)].join(' / ');
    },
  };
}

/** True when `path` is `folder` or lies below it; both absolute and resolved. */
export function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/** Last path segments that tell the folders apart. */
function folderLabels(folders: readonly ModelSource[]): string[] {
  return folders.map(({ path, label }) => {
    if (label !== undefined) return label;
    const twins = folders.filter((other) => basename(other.path) === basename(path));
    return twins.length > 1 ? join(basename(dirname(path)), basename(path)) : basename(path) || path;
  });
}

function isGguf(path: string): boolean {
  return /\.gguf$/iu.test(path);
}

/** Absolute paths of the GGUF files below a folder. Links count when they end inside the folder. */
async function scanFolder(folder: string): Promise<string[]> {
  const root = await realPathOf(folder);
  if (root === null) return [];
  const files: string[] = [];
  const visited = new Set<string>([root]);
  const seenFiles = new Set<string>();
  let entriesLeft = MAX_ENTRIES;

  const visit = async (directory: string, depth: number): Promise<void> => {
    for (const { name, isLink, isDirectory, isFile } of await entriesOf(directory)) {
      if (entriesLeft-- <= 0) return;
      const path = join(directory, name);
      if (!isLink && isFile && !isGguf(name)) continue;
      const real = isLink ? await realPathOf(path) : path;
      if (real === null || !isInside(root, real)) continue;
      const leadsToDirectory = isLink ? ((await statOf(real))?.isDirectory() ?? false) : isDirectory;
      if (leadsToDirectory) {
        if (depth >= MAX_DEPTH || visited.has(real)) continue;
        visited.add(real);
        await visit(real, depth + 1);
      } else if (isGguf(name) && !seenFiles.has(real)) {
        seenFiles.add(real);
        files.push(path);
      }
    }
  };
  await visit(root, 1);
  return files;
}

interface Entry {
  name: string;
  isLink: boolean;
  isDirectory: boolean;
  isFile: boolean;
}

/** Sorted, so that what is cut off at a limit is the same every time; empty when it may not be read. */
async function entriesOf(directory: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  try {
    for await (const entry of await opendir(directory)) {
      const { name } = entry;
      entries.push({
        name,
        isLink: entry.isSymbolicLink(),
        isDirectory: entry.isDirectory(),
        isFile: entry.isFile(),
      });
      if (entries.length >= MAX_ENTRIES) break;
    }
  } catch {
    return entries;
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function groupParts(paths: readonly string[]): Promise<FoundModel[]> {
  const sizes = new Map<string, number>();
  for (const path of new Set(paths)) {
    const stats = await statOf(path);
    if (stats?.isFile() && !PROJECTOR.test(basename(path))) sizes.set(path, stats.size);
  }
  const models = new Map<string, FoundModel>();
  for (const path of sizes.keys()) {
    const { path: first, partPaths } = namedParts(path);
    const sizeBytes = partPaths.reduce((sum, part) => sum + (sizes.get(part) ?? 0), 0);
    models.set(first, { path: first, fileName: basename(first), partPaths, sizeBytes });
  }
  return [...models.values()];
}

/** The same for every name of one file. Where the system gives a file no number, its path tells it apart. */
export async function fileKey(path: string): Promise<string> {
  const stats = await statOf(path);
  return stats && stats.ino !== 0 ? `${stats.dev}:${stats.ino}` : path;
}

/** Keeps the first of files that are one file under several names (hard links, links of a cache). */
async function withoutTwins(models: readonly FoundModel[]): Promise<FoundModel[]> {
  const kept = new Map<string, FoundModel>();
  for (const model of models) {
    const key = await fileKey(model.path);
    if (!kept.has(key)) kept.set(key, model);
  }
  return [...kept.values()];
}

/** All parts that a file's name speaks of; the file alone when it names no part. */
function namedParts(path: string): { path: string; partPaths: string[] } {
  const groups = PART_NAME.exec(basename(path))?.groups;
  const count = Number(groups?.['count'] ?? 1);
  const part = Number(groups?.['part'] ?? 1);
  if (!groups || count < 1 || count > MAX_PARTS || part < 1 || part > count)
    return { path, partPaths: [path] };
  const extension = path.slice(-'.gguf'.length);
  const partPaths = Array.from({ length: count }, (_, index) => {
    const number = String(index + 1).padStart(5, '0');
    return join(dirname(path), `${groups['stem']}-${number}-of-${groups['count']}${extension}`);
  });
  return { path: partPaths[0] ?? path, partPaths };
}

async function findParts(path: string): Promise<FoundModel> {
  const { path: first, partPaths } = namedParts(path);
  let sizeBytes = 0;
  for (const [index, part] of partPaths.entries()) {
    const stats = await statOf(part);
    if (!stats?.isFile()) {
      throw appError('model_file_missing', {
        fileName: basename(part),
        part: index + 1,
        parts: partPaths.length,
      });
    }
    sizeBytes += stats.size;
  }
  return { path: first, fileName: basename(first), partPaths, sizeBytes };
}

async function statOf(path: string) {
  try {
    return await stat(path);
  } catch {
    return null;
  }
}

async function realPathOf(path: string): Promise<string | null> {
  try {
    return await realpath(path);
  } catch {
    return null;
  }
}
