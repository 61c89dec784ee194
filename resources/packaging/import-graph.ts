import { existsSync, readFileSync, statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative, resolve as resolvePath, sep } from 'node:path';

/** Conditions under which Node, or Electron's Node, may pick a target of `exports` and `imports`. */
const CONDITIONS = new Set(['electron', 'node', 'import', 'require', 'module-sync', 'default']);
/** `from 'x'`, `import 'x'`, `import('x')` and `require('x')`; one in a comment costs a file too many at worst. */
const NAMES = /\b(?:from|(?:import|require)\s*\(?)\s*['"]([^'"\n]+)['"]/g;
const SOURCE = /\.(?:[cm]?js|ts|svelte)$/;
const ENDINGS = ['', '.js', '.cjs', '.mjs', '.json', '.node', '/index.js'];

export interface ImportGraph {
  /** Absolute paths of the files that are reached. */
  readonly files: ReadonlySet<string>;
  /** Folders of the packages that are reached, below the root, with forward slashes. */
  readonly packages: ReadonlySet<string>;
  /** Imports of files outside node_modules that lead nowhere. */
  readonly missing: readonly string[];
}

/**
 * Follows the imports of built files (and of TypeScript and Svelte sources) through node_modules, dynamic ones and
 * `require` included. Takes every target that a condition may choose, so it may reach a file too many, never one
 * too few, as long as the name is written out.
 * @param entries absolute paths
 * @param folder the one that holds node_modules; packages above it are not looked for
 * @param never packages that are named in code that we never run
 */
export function followImports(
  entries: readonly string[],
  folder: string,
  never: readonly string[] = [],
): ImportGraph {
  const root = resolvePath(folder);
  const files = new Set<string>();
  const packages = new Set<string>();
  const missing: string[] = [];
  const queue = [...entries];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    const owner = packageOf(file, root);
    if (owner !== null) packages.add(owner);
    if (!SOURCE.test(file)) continue;
    const names = new Set([...readFileSync(file, 'utf8').matchAll(NAMES)].map(([, name = '']) => name));
    for (const name of names) {
      // Types are named in comments.
      if (isBuiltin(name) || /\.d\.[cm]?ts$/.test(name) || never.includes(packageName(name))) continue;
      const targets = resolve(name, file, root);
      if (targets.length === 0 && owner === null) missing.push(`${relative(root, file)}: ${name}`);
      queue.push(...targets);
    }
  }
  return { files, packages, missing };
}

/** The folder of the package that a file belongs to, below the root; null outside node_modules. */
export function packageOf(file: string, root: string): string | null {
  const path = relative(root, file).split(sep).join('/');
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? null;
}

const packageName = (specifier: string) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? '';

function resolve(specifier: string, from: string, root: string): string[] {
  if (/^\.{0,2}\//.test(specifier)) return fileAt(join(dirname(from), specifier));
  if (specifier.startsWith('#')) {
    const owner = packageOf(from, root);
    return owner === null ? [] : targetsOf(join(root, owner), 'imports', specifier);
  }
  const name = packageName(specifier);
  for (let dir = dirname(from); dir.startsWith(root); dir = dirname(dir)) {
    const found = join(dir, 'node_modules', name);
    if (existsSync(join(found, 'package.json')))
      return targetsOf(found, 'exports', `.${specifier.slice(name.length)}`);
  }
  return [];
}

/** Every file that a name of a package may stand for. */
function targetsOf(dir: string, field: 'exports' | 'imports', name: string): string[] {
  const manifest = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as Record<string, unknown>;
  const map = manifest[field];
  if (map === undefined) {
    if (name !== '.') return fileAt(join(dir, name));
    return [manifest['module'], manifest['main'], 'index.js']
      .filter((path) => typeof path === 'string')
      .flatMap((path) => fileAt(join(dir, path)));
  }
  const isTable =
    typeof map === 'object' && map !== null && Object.keys(map).some((key) => /^[.#]/.test(key));
  const table: Record<string, unknown> = isTable ? { ...map } : { '.': map };
  for (const [key, value] of Object.entries(table)) {
    const [before = '', after] = key.split('*');
    if (after === undefined ? key !== name : !name.startsWith(before) || !name.endsWith(after)) continue;
    const star = after === undefined ? '' : name.slice(before.length, name.length - after.length);
    return leaves(value).flatMap((path) => fileAt(join(dir, path.replaceAll('*', star))));
  }
  return [];
}

function leaves(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(leaves);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => (CONDITIONS.has(key) ? leaves(inner) : []));
}

function fileAt(path: string): string[] {
  const found = ENDINGS.map((ending) => path + ending).find((each) =>
    statSync(each, { throwIfNoEntry: false })?.isFile(),
  );
  return found === undefined ? [] : [found];
}
