import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';

/** One model of an Ollama store: a tag that names a blob. */
export interface OllamaModel {
  /** As Ollama writes it: `mistral:7b`, `owner/name:tag`; the host only when it is not Ollama's own. */
  name: string;
  /** The GGUF file, without an ending. */
  path: string;
  sizeBytes: number;
}

/** What is read of a manifest; an OCI image manifest has more. */
const Manifest = v.object({
  layers: v.array(v.object({ mediaType: v.string(), digest: v.string() })),
});
const MODEL_LAYER = 'application/vnd.ollama.image.model';
const DIGEST = /^sha256:(?<hash>[0-9a-f]{64})$/u;
const OWN_HOST = 'registry.ollama.ai';
const OWN_OWNER = 'library';
/** `host/owner/name/tag`. */
const MANIFEST_DEPTH = 4;
/** A manifest has a few hundred bytes. */
const MAX_MANIFEST_BYTES = 1_000_000;
const MAX_MANIFESTS = 5_000;

/**
 * Reads the manifests of an Ollama store. Tags of the same blob come once, a damaged manifest is left out, and
 * so is a model whose blob is not there (still being pulled).
 */
export async function readOllamaStore(root: string): Promise<OllamaModel[]> {
  const models = new Map<string, OllamaModel>();
  for (const steps of await manifestPaths(join(root, 'manifests'), MANIFEST_DEPTH)) {
    const hash = await modelHash(join(root, 'manifests', ...steps));
    if (hash === null) continue;
    const path = join(root, 'blobs', `sha256-${hash}`);
    const stats = await stat(path).catch(() => null);
    if (stats?.isFile() && !models.has(path))
      models.set(path, { name: tagName(steps), path, sizeBytes: stats.size });
  }
  return [...models.values()];
}

/** Paths below `folder`, as steps, exactly `depth` long; sorted. */
async function manifestPaths(folder: string, depth: number): Promise<string[][]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const found: string[][] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (found.length >= MAX_MANIFESTS) break;
    if (depth === 1) {
      if (entry.isFile()) found.push([entry.name]);
    } else if (entry.isDirectory()) {
      for (const below of await manifestPaths(join(folder, entry.name), depth - 1))
        found.push([entry.name, ...below]);
    }
  }
  return found;
}

async function modelHash(path: string): Promise<string | null> {
  try {
    if ((await stat(path)).size > MAX_MANIFEST_BYTES) return null;
    const manifest = v.parse(Manifest, JSON.parse(await readFile(path, 'utf8')));
    const layer = manifest.layers.find(({ mediaType }) => mediaType === MODEL_LAYER);
    return DIGEST.exec(layer?.digest ?? '')?.groups?.['hash'] ?? null;
  } catch {
    return null;
  }
}

function tagName([host = '', owner = '', name = '', tag = '']: string[]): string {
  const isOwnHost = host === OWN_HOST;
  const place = isOwnHost && owner === OWN_OWNER ? [name] : isOwnHost ? [owner, name] : [host, owner, name];
  return `${place.join('/')}:${tag}`;
}
