import { fileURLToPath } from 'node:url';

// From source (development, tests) the entries are TypeScript files that Node runs as they are;
// in the bundle they lie beside this file under flat names.
const fromSource = import.meta.url.endsWith('.ts');
const entry = (source: string, bundled: string) =>
  fileURLToPath(new URL(fromSource ? source : bundled, import.meta.url));

/** Plain Node reads no archive: in a package, what it runs lies unpacked beside it. Pure. */
export function outsideArchive(path: string): string {
  return path.replace(/(.*[\\/]app\.asar)(?=[\\/])/, '$1.unpacked');
}

/** Paths of the files that run in a process or thread of their own. */
export const entries = {
  sidecar: outsideArchive(entry('./engine/sidecar/main.ts', './sidecar.js')),
  storeWorker: entry('./store/worker.ts', './store-worker.js'),
  searchWorker: entry('./store/search-worker.ts', './search-worker.js'),
  hashWorker: entry('./downloads/hash-worker.ts', './hash-worker.js'),
  ggufWorker: entry('./models/gguf-worker.ts', './gguf-worker.js'),
  /** The built-in model, which the sidecar opens. */
  guide: outsideArchive(
    entry('../resources/guide/leeward-guide.gguf', '../../resources/guide/leeward-guide.gguf'),
  ),
  templateWorker: outsideArchive(entry('./models/template-worker.ts', './template-worker.js')),
};
