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

const KEEP = `INSERT INTO kept_provenance (path, size_bytes, changed_ms, content)
  SELECT m.path, @sizeBytes, @changedMs, @content FROM models m WHERE m.id = @modelId
  ON CONFLICT (path) DO UPDATE SET size_bytes = excluded.size_bytes, changed_ms = excluded.changed_ms,
    content = excluded.content`;
/** More than anyone takes off and puts back. */
const MAX_KEPT = 200;
const FORGET_OLDEST = `DELETE FROM kept_provenance
  WHERE rowid <= (SELECT max(rowid) FROM kept_provenance) - @kept`;
const KEPT = `SELECT k.path AS path, k.content AS content
  FROM kept_provenance k JOIN models m ON m.path = k.path
  WHERE m.id = @modelId AND k.size_bytes = @sizeBytes AND k.changed_ms = @changedMs
    AND NOT EXISTS (SELECT 1 FROM model_provenance p WHERE p.model_id = m.id)`;

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

  keep(db, { modelId, sizeBytes, changedMs }) {
    const known = provenance.get(db, { modelId });
    if (!known) return;
    run(db, KEEP, { modelId, sizeBytes, changedMs, content: JSON.stringify(known) });
    run(db, FORGET_OLDEST, { kept: MAX_KEPT });
  },

  takeBack(db, { modelId, sizeBytes, changedMs }) {
    const kept = first<{ path: string; content: string }>(db, KEPT, { modelId, sizeBytes, changedMs });
    if (!kept) return;
    // Written by `keep` of this schema, and read by nothing else.
    provenance.put(db, { ...(JSON.parse(kept.content) as StoredProvenance), modelId });
    run(db, 'DELETE FROM kept_provenance WHERE path = @path', { path: kept.path });
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
