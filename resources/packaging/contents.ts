import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { getRawHeader } from '@electron/asar';
import { enginePackages, sqliteBinary, type PackageTarget } from './target.ts';

export interface PackagedFile {
  /** Below the archive's root, or below the resources folder for what lies beside it; forward slashes. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly place: 'archive' | 'unpacked' | 'beside';
}

const MB = 1_000_000;
/** A file above this needs a reason in {@link LARGE_FILES}. */
export const LARGE_BYTES = 10 * MB;

/** Why a file may be large. */
export const LARGE_FILES: readonly { readonly file: RegExp; readonly why: string }[] = [
  {
    file: /^node\/node(\.exe)?$/,
    why: 'The plain Node that runs the engine: Electron cannot allocate what a model needs in one piece.',
  },
  {
    file: /\/(lib)?ggml-vulkan\.(so|dll)$/,
    why: "Compiled shaders for every quantization: the GPU path of AMD, Intel and NVIDIA cards that needs no maker's kit.",
  },
  {
    file: /\/(lib)?ggml-cuda\.(so|dll)$/,
    why: 'Compiled kernels for each NVIDIA generation; only in the package with CUDA.',
  },
];

/**
 * What our part of a package may take, in bytes; Electron's is not counted. Linux x64 is the largest: Node 127 MB, the
 * engine's plain build 30 MB, its Vulkan build 84 MB, all else 20 MB: 1.2 MB of
 * it are tables by which PDFs name Chinese, Japanese and Korean letters.
 */
const BUDGET_BYTES = 280 * MB;
/** CUDA's two builds add 560 MB to that. */
const CUDA_BUDGET_BYTES = 835 * MB;
/**
 * Scripts and their JSON alone, in bytes: a dependency that grows shows here first. 5.3 MB of them draw diagrams, in a
 * frame that is loaded with the first one; some 3 MB read PDF and DOCX files, with the first one too.
 */
const SCRIPTS_BUDGET_BYTES = 21 * MB;

/** Nobody runs these: sources, maps, documents, tests. */
const NEEDLESS =
  /\.(?:map|md|markdown|[cm]?ts|tsx|flow|tsbuildinfo|c|cc|cpp|h|hpp|gyp|gypi|lib|exp|bundle|svelte|txt\.gz|yml|yaml|lock|tgz)$|(?:^|\/)(?:test|tests|__tests__|docs|example|examples|\.github|\.bin)\//i;

interface HeaderNode {
  files?: Record<string, HeaderNode>;
  size?: number;
  unpacked?: boolean;
}

/** All files of ours in a package, largest first. @param resourcesDir holds app.asar */
export function listContents(resourcesDir: string): PackagedFile[] {
  const found: PackagedFile[] = [];
  const { header } = getRawHeader(join(resourcesDir, 'app.asar'));
  const walk = (node: HeaderNode, path: string) => {
    for (const [name, child] of Object.entries(node.files ?? {})) {
      const below = path === '' ? name : `${path}/${name}`;
      if (child.files) walk(child, below);
      else
        found.push({
          path: below,
          sizeBytes: child.size ?? 0,
          place: child.unpacked === true ? 'unpacked' : 'archive',
        });
    }
  };
  walk(header as HeaderNode, '');
  for (const entry of readdirSync(resourcesDir, { recursive: true, withFileTypes: true })) {
    const full = join(entry.parentPath, entry.name);
    const path = relative(resourcesDir, full).split(sep).join('/');
    if (entry.isFile() && isOurs(path)) found.push({ path, sizeBytes: statSync(full).size, place: 'beside' });
  }
  return found.sort((a, b) => b.sizeBytes - a.sizeBytes || a.path.localeCompare(b.path));
}

/** Beside lie also the archive itself and, on macOS, Electron's own: languages and the icon. */
const isOurs = (path: string) => /^(?:node|licences)\//.test(path);

/**
 * What is wrong with a package, in sentences: something that the system needs is not there, something is there
 * that nobody runs, or it has grown beyond its budget.
 * @param needed paths of files that others of it import
 */
export function problemsOf(
  files: readonly PackagedFile[],
  resourcesDir: string,
  target: PackageTarget,
  needed: readonly string[],
): string[] {
  const present = new Set(files.map(({ path }) => path));
  const needless = files.filter(({ path, place }) => place !== 'beside' && NEEDLESS.test(path));
  const otherSystems = files.filter(
    ({ path }) =>
      /\.(?:node|so|dll|dylib)$/.test(path) &&
      path !== sqliteBinary(target) &&
      !enginePackages(target).some((name) => path.startsWith(`node_modules/${name}/`)),
  );
  const unexplained = files.filter(
    ({ path, sizeBytes }) => sizeBytes > LARGE_BYTES && !LARGE_FILES.some(({ file }) => file.test(path)),
  );
  return [
    ...missingOf(files, resourcesDir, target).map((path) => `${path} is missing.`),
    ...needed.filter((path) => !present.has(path)).map((path) => `${path} is imported and missing.`),
    ...needless.map(({ path }) => `${path} is not needed.`),
    ...otherSystems.map(({ path }) => `${path} is not for this system.`),
    ...unexplained.map(({ path, sizeBytes }) => `${path} has ${sizeBytes} bytes and no reason.`),
    ...overBudget(files, target),
  ];
}

/** What each package of this system has, wherever the imports lead. */
function missingOf(
  files: readonly PackagedFile[],
  resourcesDir: string,
  target: PackageTarget,
): readonly string[] {
  const at = (path: string, place: PackagedFile['place']) =>
    files.some((file) => file.path === path && file.place === place);
  const hasLibrary = (name: string) => {
    const dir = `node_modules/${name}/bins/`;
    // The extension of CUDA's build holds a library for the other's addon.
    const library = name.endsWith('-ext') ? /\.(?:so|dll)$/ : /\/llama-addon\.node$/;
    return files.some(
      ({ path, place }) => place === 'unpacked' && path.startsWith(dir) && library.test(path),
    );
  };
  const inside = [
    'package.json',
    'out/main/main.js',
    'out/main/store-worker.js',
    'out/main/search-worker.js',
    'out/main/gguf-worker.js',
    'out/main/hash-worker.js',
    'out/preload/preload.cjs',
    'out/renderer.json',
    'out/renderer/index.html',
  ];
  const outside = [
    'out/main/sidecar.js',
    'out/main/template-worker.js',
    'node_modules/node-llama-cpp/dist/index.js',
    sqliteBinary(target),
  ];
  const beside = [target.platform === 'win32' ? 'node/node.exe' : 'node/node', 'node/node.json'];
  const lost = files.filter(
    ({ place, path }) => place === 'unpacked' && !existsSync(join(resourcesDir, 'app.asar.unpacked', path)),
  );
  return [
    ...inside.filter((path) => !at(path, 'archive')),
    ...outside.filter((path) => !at(path, 'unpacked')),
    ...enginePackages(target).filter((name) => !hasLibrary(name)),
    ...beside.filter((path) => !at(path, 'beside')),
    ...lost.map(({ path }) => path),
  ];
}

function overBudget(files: readonly PackagedFile[], { cuda }: PackageTarget): string[] {
  const sum = (some: readonly PackagedFile[]) => some.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
  const scripts = sum(files.filter(({ path }) => /\.(?:[cm]?js|json)$/.test(path)));
  const limit = cuda ? CUDA_BUDGET_BYTES : BUDGET_BYTES;
  return [
    ...(sum(files) > limit ? [`All files together have ${sum(files)} bytes, and may have ${limit}.`] : []),
    ...(scripts > SCRIPTS_BUDGET_BYTES
      ? [`The scripts have ${scripts} bytes, and may have ${SCRIPTS_BUDGET_BYTES}.`]
      : []),
  ];
}

/** The list for a person: large files by name, the rest by package, in MB. */
export function contentsTable(files: readonly PackagedFile[]): string {
  const groups = new Map<string, { sizeBytes: number; count: number }>();
  for (const { path, place, sizeBytes } of files) {
    const owner = /^node_modules\/(?:@[^/]+\/)?[^/]+|^out\/[^/]+|^[^/]+/.exec(path)?.[0] ?? path;
    const key = `${place.padEnd(8)}  ${sizeBytes > LARGE_BYTES ? path : owner}`;
    const group = groups.get(key) ?? { sizeBytes: 0, count: 0 };
    groups.set(key, { sizeBytes: group.sizeBytes + sizeBytes, count: group.count + 1 });
  }
  return [...groups]
    .sort(([, a], [, b]) => b.sizeBytes - a.sizeBytes)
    .map(
      ([key, { sizeBytes, count }]) =>
        `${(sizeBytes / MB).toFixed(2).padStart(8)} MB ${String(count).padStart(5)}  ${key}`,
    )
    .join('\n');
}

/** The contents that a build has written. @throws when there is none */
export const readContents = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as PackagedFile[];
