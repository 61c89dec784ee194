import type { StoreClient } from '../store/api.ts';
import type { DownloadLibrary } from './api.ts';
import type { Entry } from './entry.ts';
import { PIECE_BYTES } from './pieces.ts';

/**
 * Puts a verified download into the library, with its proof.
 * @throws the header's errors for a file that is no model, disk_full
 */
export async function addToLibrary(
  entry: Entry,
  { models, store }: { models: DownloadLibrary; store: Pick<StoreClient, 'provenance'> },
): Promise<void> {
  const { record } = entry;
  const [first] = record.parts;
  if (!first) return;
  const { id } = await models.addDownloaded(first.target).catch((error: unknown) => {
    // What belongs to a model is no model of its own.
    if (record.fileKind === 'model') throw error;
    return { id: null };
  });
  record.modelId = id;
  if (id === null) return;
  const { repo, revision, path, quant, licence, baseModels } = record;
  const now = Date.now();
  await store.provenance.put({
    ...{ modelId: id, repo, revision, path, quant, licence, baseModels },
    files: record.parts.map(({ path, sizeBytes, sha256 }, part) => ({
      ...{ path, sizeBytes, sha256 },
      ...piecesOfPart(entry, part),
    })),
    downloadedAt: now,
    verifiedAt: now,
    verifyMs: null,
  });
}

/** Hashes of a part's pieces, in order, as they are stored with the model. */
function piecesOfPart(entry: Entry, part: number): { pieceBytes: number; pieces: string[] } {
  const pieces = [...entry.layout.entries()]
    .filter(([, piece]) => piece.part === part)
    .map(([number]) => entry.pieces.get(number)?.sha256 ?? '');
  return { pieceBytes: PIECE_BYTES, pieces };
}
