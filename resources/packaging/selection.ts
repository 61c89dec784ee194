import { existsSync, readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { followImports } from './import-graph.ts';
import { enginePackages, sqliteBinary, type PackageTarget } from './target.ts';

/** Run inside the archive, where Electron checks integrity. */
const APP_ENTRIES = ['main', 'store-worker', 'search-worker', 'hash-worker', 'gguf-worker'];
/** Run by plain Node, which reads no archive. */
const NODE_ENTRIES = ['sidecar', 'template-worker'];
/** The built-in model, which the engine's process opens. */
export const GUIDE = 'resources/guide/leeward-guide.gguf';

/**
 * Named in the engine's code on paths that we never take: Electron as a host, and copy-on-write of downloads,
 * which our own client makes.
 */
const NEVER_RUN = ['electron', '@reflink/reflink'];

/** Of every package: no sources, maps, types, documents, tests and linkers' files; licences are in licences/THIRD-PARTY.txt. */
const FROM_EVERY_PACKAGE = [
  '**/*',
  '!**/*.{map,md,markdown,ts,mts,cts,flow,tsbuildinfo,c,cc,cpp,h,hpp,gyp,gypi,lib,exp,yml,yaml,lock,gif,bnf}',
  '!**/{.*,Makefile,package-lock.json}',
  '!**/{test,tests,__tests__,docs,example,examples,.github}{,/**}',
  '!**/{LICENSE,LICENCE,License,Licence,license,licence,COPYING,HISTORY,CHANGES,AUTHORS}{,.*,-*}',
];
/**
 * The engine's means to build itself, of which only two descriptions are read: 34 MB of llama.cpp's history, its
 * addon's sources, the command-line tool, templates for new projects.
 */
const FROM_ENGINE = [
  '!{bins,templates}{,/**}',
  '!dist/cli/!(utils)',
  '!dist/cli/!(utils)/**',
  '!llama/!(binariesGithubRelease.json|llama.cpp.info.json|package.json)',
  '!llama/*/**',
];

export interface PackagedFolder {
  /** Below the project, with forward slashes; its packages within have entries of their own. */
  readonly path: string;
  readonly filter: readonly string[];
}

export interface Selection {
  readonly packages: readonly PackagedFolder[];
  /** Patterns of what of it all lies outside the archive. */
  readonly unpacked: readonly string[];
  /** Files that something in it names. */
  readonly needed: readonly string[];
  /** Built files that only the browser host needs. */
  readonly leftOut: readonly string[];
}

/**
 * What a package holds, from what the built files import: nobody keeps a list by hand.
 * @param root the project, built and installed
 * @throws when the build or a package that it needs is not there
 */
export function select(root: string, target: PackageTarget): Selection {
  const bundle = (name: string) => join(root, 'out', 'main', `${name}.js`);
  for (const name of [...APP_ENTRIES, ...NODE_ENTRIES]) {
    if (!existsSync(bundle(name))) throw new Error(`${name}.js is not built. Run "npm run build" first.`);
  }
  const binaries = enginePackages(target).map((name) => `node_modules/${name}`);
  for (const dir of binaries) {
    if (!existsSync(join(root, dir, 'package.json')))
      throw new Error(`${dir} is not installed: "npm ci" left the engine for this system out.`);
  }
  const app = followImports(APP_ENTRIES.map(bundle), root, NEVER_RUN);
  const engine = followImports(NODE_ENTRIES.map(bundle), root, NEVER_RUN);
  const missing = [...app.missing, ...engine.missing];
  if (missing.length > 0) throw new Error(`Not installed: ${missing.join(', ')}`);
  // The builds of other systems are named in the engine's code too.
  const outside = [...engine.packages].filter((path) => !path.startsWith('node_modules/@node-llama-cpp/'));
  outside.push(...binaries);
  const reached = new Set([...app.files, ...engine.files]);
  return {
    packages: [...new Set([...app.packages, ...outside])]
      .sort()
      .map((path) => ({ path, filter: [...FROM_EVERY_PACKAGE, ...ownFilter(path, target)] })),
    unpacked: [
      ...NODE_ENTRIES.map((name) => `out/main/${name}.js`),
      ...outside.map((path) => `${path}/**`),
      GUIDE,
      sqliteBinary(target),
    ],
    needed: [...reached]
      .map((file) => relative(root, file).split(sep).join('/'))
      // The engine names its builds for every system.
      .filter((path) => !path.startsWith('node_modules/@node-llama-cpp/')),
    leftOut: readdirSync(join(root, 'out', 'main'))
      .map((name) => `out/main/${name}`)
      .filter((path) => !reached.has(join(root, path))),
  };
}

function ownFilter(path: string, target: PackageTarget): string[] {
  if (path === 'node_modules/node-llama-cpp') return FROM_ENGINE;
  if (path !== SQLITE) return [];
  return ['!{deps,src}{,/**}', '!prebuilds/*', sqliteBinary(target).slice(SQLITE.length + 1)];
}

const SQLITE = 'node_modules/better-sqlite3';
