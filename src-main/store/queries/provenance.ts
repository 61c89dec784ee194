import * as v from 'valibot';
import { HubBaseModel } from '../../contract/index.ts';
import type { StoreApi, StoredProvenance, StoredProvenanceFile } from '../api.ts';
import { all, change, first, insertInto, run, selectList } from '../sql.ts';
import type { Columns, Db, Queries } from '../sql.ts';

type Row = Omit<StoredProvenance, 'baseModels' | 'files'> & { baseModels: string };
type FileRow = Omit<StoredProvenanceFile, 'pieces'> & { pieces: string };
type FileKey = { modelId: string; part: number };

const SHA256_LENGTH = 64;

const columns: Columns<Row> = {
  modelId: 'model_id',
  repo: 'repo',
  revision: 'revision',
  path: 'path',
  quant: 'quant',
  licence: 'licence',
  baseModels: 'base_models',
  downloadedAt: 'downloaded_at',
  verifiedAt: 'verified_at',
  verifyMs: 'verify_ms',
};

const fileColumns: Columns<FileRow> = {
  path: 'path',
  sizeBytes: 'size_bytes',
  sha256: 'sha256',
  pieceBytes: 'piece_bytes',
  pieces: 'pieces',
};
const allFileColumns: Columns<FileKey & FileRow> = { modelId: 'model_id', part: 'part', ...fileColumns };

const baseModelsOf = (json: string) => v.parse(v.array(HubBaseModel), JSON.parse(json));

function hashesOf(pieces: string): string[] {
  return Array.from({ length: pieces.length / SHA256_LENGTH }, (_, index) =>
    pieces.slice(index * SHA256_LENGTH, (index + 1) * SHA256_LENGTH),
  );
}

export const OF_HASH = `SELECT f.model_id AS modelId FROM model_provenance_files f
  WHERE f.sha256 = @sha256 AND f.part = 0 ORDER BY f.model_id`;

function filesOf(db: Db, modelId: string): StoredProvenanceFile[] {
  const sql = `SELECT ${selectList('f', fileColumns)} FROM model_provenance_files f
    WHERE f.model_id = @modelId ORDER BY f.part`;
  return all<FileRow>(db, sql, { modelId }).map((row) => ({ ...row, pieces: hashesOf(row.pieces) }));
}

/** A model's row goes when the model goes: the schema sees to it. */
export const provenance: Queries<StoreApi['provenance']> = {
  put(db, { files, baseModels, ...row }) {
    run(db, 'DELETE FROM model_provenance WHERE model_id = @modelId', { modelId: row.modelId });
    run(db, insertInto('model_provenance', columns), { ...row, baseModels: JSON.stringify(baseModels) });
    for (const [part, { pieces, ...file }] of files.entries()) {
      run(db, insertInto('model_provenance_files', allFileColumns), {
        modelId: row.modelId,
        part,
        ...file,
        pieces: pieces.join(''),
      });
    }
  },

  get(db, { modelId }) {
    const sql = `SELECT ${selectList('p', columns)} FROM model_provenance p WHERE p.model_id = @modelId`;
    const row = first<Row>(db, sql, { modelId });
    if (!row) return null;
    return { ...row, baseModels: baseModelsOf(row.baseModels), files: filesOf(db, modelId) };
  },

  setVerified: (db, { modelId, at, verifyMs }) =>
    change(
      db,
      'UPDATE model_provenance SET verified_at = @at, verify_ms = @verifyMs WHERE model_id = @modelId',
      { modelId, at, verifyMs },
    ),

  modelOfHashes(db, { sha256s }) {
    const candidates = all<{ modelId: string }>(db, OF_HASH, { sha256: sha256s[0] ?? '' });
    const wanted = sha256s.join();
    const isSame = ({ modelId }: { modelId: string }) =>
      filesOf(db, modelId)
        .map(({ sha256 }) => sha256)
        .join() === wanted;
    return candidates.find(isSame)?.modelId ?? null;
  },
};
