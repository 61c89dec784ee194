import type { Model, ModelFile } from '../../../src-main/contract/index.ts';
import { licenceView } from './licences.ts';

export type ModelSort = 'lastUsed' | 'name' | 'size';

/** True when every word of `query` is in one of `values`; an empty query matches everything. */
export function matchesWords(query: string, values: readonly (string | null)[]): boolean {
  const haystack = values.map((value) => value?.toLocaleLowerCase() ?? '');
  return query
    .toLocaleLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
    .every((word) => haystack.some((value) => value.includes(word)));
}

/** Models whose name, file, licence, quant or architecture hold every word of `query`. */
export function filterModels(models: readonly Model[], query: string): Model[] {
  return models.filter((model) =>
    matchesWords(query, [model.name, model.fileName, model.licence, model.quant, model.architecture]),
  );
}

export interface LibraryFilters {
  /** The licence as it is shown; null for any. */
  readonly licence: string | null;
  /** Only models that fit as a whole; null for any. Says null while it is not known: such a model is shown. */
  readonly fits: ((model: Model) => boolean | null) | null;
}

export function narrowModels(models: readonly Model[], { licence, fits }: LibraryFilters): Model[] {
  return models.filter(
    (model) => (licence === null || licenceView(model.licence)?.label === licence) && fits?.(model) !== false,
  );
}

/** The licences of a list as they are shown, each once, in order. */
export function licencesOf(models: readonly Model[]): string[] {
  const labels = models
    .map((model) => licenceView(model.licence)?.label)
    .filter((label) => label !== undefined);
  return [...new Set(labels)].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
}

/** A sorted copy. Never used comes after used, newest added first; ties go by name. */
export function sortModels(models: readonly Model[], sort: ModelSort): Model[] {
  const byName = (a: Model, b: Model) => a.name.localeCompare(b.name, undefined, { numeric: true });
  const compare: Record<ModelSort, (a: Model, b: Model) => number> = {
    lastUsed: (a, b) => (b.lastUsedAt ?? -1) - (a.lastUsedAt ?? -1) || b.addedAt - a.addedAt,
    name: byName,
    size: (a, b) => b.sizeBytes - a.sizeBytes,
  };
  return [...models].sort((a, b) => compare[sort](a, b) || byName(a, b));
}

/** Bytes on disk of all models; a file that two entries share counts once each. */
export function totalBytes(models: readonly Model[]): number {
  return models.reduce((sum, model) => sum + model.sizeBytes, 0);
}

/** What a browser tells of a dropped file: no path. */
export interface DroppedFile {
  name: string;
  sizeBytes: number;
}

/**
 * Finds dropped files among those of the allowed folders by name and size. A part of a split file matches
 * the set by its name's stem, as the set is listed as one with the size of all parts.
 */
export function matchDropped(
  dropped: readonly DroppedFile[],
  known: readonly ModelFile[],
): { matched: ModelFile[]; unmatched: string[] } {
  const matched = new Map<string, ModelFile>();
  const unmatched: string[] = [];
  for (const file of dropped) {
    const hit = known.find((candidate) => isSameFile(file, candidate));
    if (hit) matched.set(hit.fileId, hit);
    else unmatched.push(file.name);
  }
  return { matched: [...matched.values()], unmatched };
}

const SPLIT_PART = /-\d{5}-of-(\d{5})\.gguf$/i;

function isSameFile(dropped: DroppedFile, known: ModelFile): boolean {
  if (known.fileName === dropped.name && known.sizeBytes === dropped.sizeBytes) return true;
  const part = SPLIT_PART.exec(dropped.name);
  const knownPart = SPLIT_PART.exec(known.fileName);
  return (
    part !== null &&
    knownPart !== null &&
    part[1] === knownPart[1] &&
    stem(dropped.name) === stem(known.fileName) &&
    dropped.sizeBytes <= known.sizeBytes
  );
}

function stem(fileName: string): string {
  return fileName.replace(SPLIT_PART, '');
}
