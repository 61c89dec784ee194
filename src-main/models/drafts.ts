import { appError, errorCodeOf, type DraftCandidate, type DraftVerdict } from '../contract/index.ts';
import type { LoadRequest } from '../engine/api.ts';
import type { Platform } from '../platform.ts';
import type { StoreClient, StoredModel } from '../store/api.ts';
import type { CheckedHeaders } from './checked-headers.ts';
import { GUIDE_ID } from './guide.ts';
import type { ModelFiles } from './model-files.ts';
import type { ModelHeader } from './model-header.ts';

/** Models that guess what another will say. */
export interface Drafts {
  /** @throws not_found, model_file_missing and the header's errors of the model that they are for */
  candidates(id: string): Promise<DraftCandidate[]>;
  /** @throws invalid_input when it cannot guess for the model */
  expectFits(model: StoredModel, draftId: string): Promise<void>;
  /** Whether a load uses a file: as the model itself, or as its draft. @param modelId null: nothing is loading */
  isUsedBy(id: string, modelId: string | null): Promise<boolean>;
  /** How the draft of a model is loaded; null without one. A file that cannot be used has no path. */
  forLoad(model: StoredModel): Promise<LoadRequest['draft']>;
}

interface DraftsOptions {
  store: Pick<StoreClient, 'models'>;
  files: Pick<ModelFiles, 'parts'>;
  headers: CheckedHeaders;
  log: Platform['log'];
  /** A check of its hashes failed. */
  isDamaged: (id: string) => Promise<boolean>;
}

type Compared = Pick<ModelHeader, 'vocabularyKey'> & { sizeBytes: number };

/** Whether a model can guess for another. Pure. */
export function verdictOf(model: Compared, other: Compared): DraftVerdict {
  if (model.vocabularyKey === null || model.vocabularyKey !== other.vocabularyKey) return 'vocabulary';
  return other.sizeBytes > model.sizeBytes ? 'larger' : 'fits';
}

/** A draft that is named, and not loaded. Pure. */
export function unusable(modelId: string): NonNullable<LoadRequest['draft']> {
  return { modelId, path: null, sizeBytes: 0, fileState: '' };
}

export function createDrafts({ store, files, headers, log, isDamaged }: DraftsOptions): Drafts {
  /** A large header takes a second to read, and only this of it counts. By path and file state. */
  const keys = new Map<string, { sizeBytes: number; changed: string; key: string | null }>();

  const factsOf = async (row: StoredModel): Promise<Compared> => {
    const found = await files.parts(row.path);
    const changed = await headers.stateOf(found);
    const known = keys.get(found.path);
    if (known?.changed === changed) return { sizeBytes: known.sizeBytes, vocabularyKey: known.key };
    const { vocabularyKey: key } = await headers.of(found);
    keys.set(found.path, { sizeBytes: found.sizeBytes, changed, key });
    return { sizeBytes: found.sizeBytes, vocabularyKey: key };
  };

  const compare = (model: Compared, row: StoredModel): Promise<DraftVerdict> =>
    factsOf(row).then(
      (facts) => verdictOf(model, facts),
      () => 'unreadable',
    );

  return {
    async candidates(id) {
      const rows = await store.models.list(undefined);
      const model = await factsOf(await store.models.get({ id }));
      const all: DraftCandidate[] = [];
      for (const row of rows) {
        // The guide has words of its own.
        if (row.id === id || row.kind !== 'model' || row.id === GUIDE_ID) continue;
        const { name, sizeBytes } = row;
        all.push({ id: row.id, name, sizeBytes, verdict: await compare(model, row) });
      }
      const fits = ({ verdict }: DraftCandidate) => (verdict === 'fits' ? 0 : 1);
      return all.toSorted((a, b) => fits(a) - fits(b) || a.sizeBytes - b.sizeBytes);
    },
    async expectFits(model, draftId) {
      const draft = await store.models.get({ id: draftId });
      const isOther = draft.id !== model.id && draft.kind === 'model';
      const verdict = isOther ? await compare(await factsOf(model), draft) : 'vocabulary';
      if (verdict !== 'fits') throw appError('invalid_input', { reason: verdict });
    },
    async isUsedBy(id, modelId) {
      if (modelId === null || modelId === id) return modelId === id;
      const rows = await store.models.list(undefined);
      return rows.some((row) => row.id === modelId && row.settings.draftModelId === id);
    },
    async forLoad({ settings: { draftModelId, speculation } }) {
      if (draftModelId === null || speculation === 'off') return null;
      try {
        const row = await store.models.get({ id: draftModelId });
        if (row.lastLoadCrashed) throw appError('model_load_crashed');
        if (await isDamaged(row.id)) throw appError('model_damaged');
        const found = await files.parts(row.path);
        // The sidecar opens only files that the parser accepted as they are now.
        const { state } = await headers.ofChanged(found, row);
        return { modelId: row.id, path: found.path, sizeBytes: found.sizeBytes, fileState: state };
      } catch (error) {
        log('models.draft_not_usable', { code: errorCodeOf(error) });
        return unusable(draftModelId);
      }
    },
  };
}
