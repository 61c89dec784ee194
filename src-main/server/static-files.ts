import { readdirSync, readFileSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';

export interface StaticFile {
  /** Null when it is another one than at the start: an update of the app that runs does not mix into it. */
  read(): Promise<Buffer | null>;
  readonly type: string;
  readonly cacheControl: string;
}

/** What the renderer's build makes; a file of another kind is not served. */
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
  '.bcmap': 'application/octet-stream',
};

/** The page itself and what stands beside it are smaller, and are served after an update too. */
const KEPT_BYTES = 4_096;

/** In place of the page when what it asks for is of another version: it would stay blank. */
const UPDATED_PAGE = Buffer.from(`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>Leeward was updated</title>
  </head>
  <body>
    <h1>Leeward was updated</h1>
    <p>The version that runs is not the one on the disk any more. Stop Leeward where you started it, start it again, and open the address that it shows then.</p>
  </body>
</html>
`);

/** The content type of a file of the interface; undefined for a kind that is not served. */
export function contentTypeOf(name: string): string | undefined {
  return TYPES[extname(name)];
}

/**
 * Lists the built renderer. The keys are the only paths that are ever answered, compared as they stand in the
 * request: no path is resolved, decoded or joined from a URL. Large files are read when they are asked for, which
 * a browser does once: kept here they would be a tenth of the app's memory.
 * @throws when the folder holds no index.html
 */
export function loadStaticFiles(dir: string): ReadonlyMap<string, StaticFile> {
  const files = new Map<string, StaticFile>();
  const checks: (() => Promise<boolean>)[] = [];
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    const type = contentTypeOf(entry.name);
    if (!entry.isFile() || type === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    const url = `/${relative(dir, path).split(sep).join('/')}`;
    files.set(url, { read: readerOf(path, checks), type, cacheControl: cacheControlOf(url) });
  }
  const index = files.get('/index.html');
  if (!index) throw new Error('The interface is not built: index.html is missing.');
  const page: StaticFile = {
    ...index,
    read: async () => {
      const same = await Promise.all(checks.map((isAsAtStart) => isAsAtStart()));
      return same.every(Boolean) ? index.read() : UPDATED_PAGE;
    },
  };
  files.set('/', page).set('/index.html', page);
  return files;
}

/** Adds to `checks` how to tell whether a file that is not kept is the one of the start. */
function readerOf(path: string, checks: (() => Promise<boolean>)[]): StaticFile['read'] {
  const { size, mtimeMs } = statSync(path);
  if (size <= KEPT_BYTES) {
    const body = readFileSync(path);
    return () => Promise.resolve(body);
  }
  const isAsAtStart = () =>
    stat(path).then(
      (now) => now.size === size && now.mtimeMs === mtimeMs,
      () => false,
    );
  checks.push(isAsAtStart);
  return async () => ((await isAsAtStart()) ? readFile(path).catch(() => null) : null);
}

/** Names under assets/ carry a hash of their content; everything else may change with the next version. */
function cacheControlOf(url: string): string {
  return url.startsWith('/assets/') ? 'private, max-age=31536000, immutable' : 'no-store';
}
