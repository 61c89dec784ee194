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
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    const type = contentTypeOf(entry.name);
    if (!entry.isFile() || type === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    const url = `/${relative(dir, path).split(sep).join('/')}`;
    files.set(url, { read: readerOf(path), type, cacheControl: cacheControlOf(url) });
  }
  const index = files.get('/index.html');
  if (!index) throw new Error('The interface is not built: index.html is missing.');
  files.set('/', index);
  return files;
}

function readerOf(path: string): StaticFile['read'] {
  const { size, mtimeMs } = statSync(path);
  if (size <= KEPT_BYTES) {
    const body = readFileSync(path);
    return () => Promise.resolve(body);
  }
  return async () => {
    try {
      const now = await stat(path);
      return now.size === size && now.mtimeMs === mtimeMs ? await readFile(path) : null;
    } catch {
      return null;
    }
  };
}

/** Names under assets/ carry a hash of their content; everything else may change with the next version. */
function cacheControlOf(url: string): string {
  return url.startsWith('/assets/') ? 'private, max-age=31536000, immutable' : 'no-store';
}
