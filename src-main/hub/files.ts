import * as v from 'valibot';
import { HubPath, type HubFile } from '../contract/index.ts';
import { quantOf } from './quant.ts';

/** A file of a repository's tree, as far as it matters here. */
export interface TreeFile {
  path: string;
  sizeBytes: number;
  /** Of the whole file, where the hub keeps it in large file storage. */
  sha256: string | null;
}

const PART = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/iu;
/** Measurements for making quants, and vocabularies alone: no one can talk to them. */
const OTHER_FILES = /(?:^|[-_.])(?:imatrix|vocab)(?:[-_.]|$)/iu;
const ADAPTER = /(?:^|[-_.])(?:lora|adapter)(?:[-_.]|$)/iu;
const PROJECTOR = /(?:^|[-_.])mmproj(?:[-_.]|$)/iu;
/** Several times the largest model; a size that the hub made up must not cost memory by the number of its pieces. */
const MAX_MODEL_BYTES = 4e12;
const KIND_ORDER = { model: 0, adapter: 1, projector: 2 } as const;

/**
 * Sorts a tree's GGUF files: parts of a split one together, incomplete ones, absurd sizes and other files left
 * out, largest first, adapters and projectors at the end.
 * @param isAdapter the repository says that it holds an adapter
 */
export function modelFiles(tree: readonly TreeFile[], isAdapter = false): HubFile[] {
  const groups = new Map<string, TreeFile[]>();
  for (const file of tree) {
    if (!/\.gguf$/iu.test(file.path) || !v.is(HubPath, file.path)) continue;
    if (OTHER_FILES.test(nameOf(file.path))) continue;
    const [, prefix, , count] = PART.exec(file.path) ?? [];
    const key = prefix === undefined ? file.path : `${prefix} ${count}`;
    groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  return [...groups.values()]
    .flatMap((parts) => whole(parts, isAdapter) ?? [])
    .sort((a, b) => KIND_ORDER[a.kind] - KIND_ORDER[b.kind] || b.sizeBytes - a.sizeBytes);
}

function whole(unsorted: readonly TreeFile[], isAdapter: boolean): HubFile | null {
  const parts = unsorted.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const [first] = parts;
  if (!first) return null;
  const isComplete = parts.every(({ path }, index) => {
    const [, , number, count] = PART.exec(path) ?? [];
    return number === undefined || (Number(number) === index + 1 && Number(count) === parts.length);
  });
  const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  if (!isComplete || sizeBytes > MAX_MODEL_BYTES) return null;
  return {
    path: first.path,
    fileName: nameOf(first.path),
    kind: kindOf(nameOf(first.path), isAdapter),
    quant: quantOf(first.path),
    sizeBytes,
    parts: parts.map(({ path, sizeBytes, sha256 }) => ({ path, sizeBytes, sha256 })),
    modelId: null,
  };
}

function kindOf(name: string, isAdapter: boolean): HubFile['kind'] {
  if (PROJECTOR.test(name)) return 'projector';
  return isAdapter || ADAPTER.test(name) ? 'adapter' : 'model';
}

const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);

/** The file that an address asks for by path or quant; null when there is none such. */
export function wantedFile(
  files: readonly HubFile[],
  { path, quant }: { path: string | null; quant: string | null },
): string | null {
  const found = files.find((file) =>
    path === null
      ? quant !== null && file.quant === quant && file.kind === 'model'
      : file.parts.some((part) => part.path === path),
  );
  return found?.path ?? null;
}
