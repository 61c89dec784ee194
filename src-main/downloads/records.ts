import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { appError, type HubFile, type HubModel } from '../contract/index.ts';
import type { StoredProvenance } from '../store/api.ts';
import type { DownloadRecord, ReceivedPiece } from './journal.ts';
import { layoutOf } from './pieces.ts';

const fresh = () => ({
  version: 1 as const,
  id: randomUUID(),
  state: 'waiting' as const,
  pauseReason: null,
  error: null,
  startedAt: Date.now(),
  fetchedBytes: 0,
  beginnings: [],
  damaged: [],
  isClean: true,
  isKept: false,
});

/**
 * The record of a download that has not begun; its targets are still to be chosen.
 * @throws invalid_input when the Hub states no hash of a part: nothing could prove it
 */
export function recordOfFile(
  { repo, revision }: { repo: string; revision: string },
  { licence, baseModels }: Pick<HubModel, 'licence' | 'baseModels'>,
  file: HubFile,
): DownloadRecord {
  return {
    ...fresh(),
    kind: 'download',
    repo,
    revision,
    path: file.path,
    fileName: file.fileName,
    fileKind: file.kind,
    quant: file.quant,
    licence,
    baseModels: [...baseModels],
    modelId: null,
    parts: file.parts.map(({ path, sizeBytes, sha256 }) => {
      if (sha256 === null) throw appError('invalid_input', { reason: 'no_published_hash' });
      return { path, sizeBytes, sha256, target: '', etag: null, isVerified: false, isOurs: false };
    }),
  };
}

/** The record of a second look at a model; `targets`: where its parts lie, in order. */
export function recordOfModel(known: StoredProvenance, targets: readonly string[]): DownloadRecord {
  const { repo, revision, path, quant, licence, baseModels, files, modelId } = known;
  return {
    ...fresh(),
    kind: 'verify',
    repo,
    revision,
    path,
    fileName: basename(path),
    fileKind: 'model',
    quant,
    licence,
    baseModels,
    modelId,
    parts: files.map(({ path, sizeBytes, sha256 }, part) => {
      const target = targets[part];
      if (target === undefined) throw appError('model_file_missing', { part: part + 1, parts: files.length });
      return { path, sizeBytes, sha256, target, etag: null, isVerified: true, isOurs: false };
    }),
  };
}

/** The pieces of a model as they were received, by number. */
export function receivedOf({ files }: StoredProvenance): Map<number, ReceivedPiece> {
  const layout = layoutOf(files.map(({ sizeBytes }) => sizeBytes));
  const hashes = files.flatMap(({ pieces }) => pieces);
  return new Map(layout.map((_, number) => [number, { sha256: hashes[number] ?? '', isSuspect: false }]));
}
