import {
  appError,
  type Adapter,
  type AdapterBase,
  type AdapterChoice,
  type AttachedAdapter,
} from '../contract/index.ts';
import type { LoadRequest } from '../engine/api.ts';
import type { StoreClient, StoredAdapter, StoredAttachment, StoredModel } from '../store/api.ts';
import { isNamedBase, matchAdapter, type AdapterHost } from './adapter-match.ts';
import type { CheckedHeaders } from './checked-headers.ts';
import type { ModelFiles } from './model-files.ts';
import { GUIDE_ID } from './guide.ts';
import { expectModel } from './model-rows.ts';

/** Made from it, then what could be, then what cannot be attached. */
const ORDER = { named: 0, fits: 1, other_tensors: 2, other_architecture: 3 } as const;

/** The LoRA files of the library, and what they are attached to. */
export interface Adapters {
  list(): Promise<Adapter[]>;
  /** @throws not_found, model_file_missing and the header's errors */
  forModel(id: string): Promise<AdapterChoice[]>;
  /** @throws not_found, conflict for the guide, adapter_mismatch with `tensor`, model_file_missing */
  attach(modelId: string, adapterId: string, scale: number): Promise<void>;
  detach(modelId: string, adapterId: string): Promise<void>;
  /** What is on each model, by its id. */
  attached(): Promise<ReadonlyMap<string, AttachedAdapter[]>>;
  /** Models of the library that one of the bases names. */
  modelsNamed(bases: readonly AdapterBase[]): Promise<string[]>;
  /**
   * What a load lays over a model, every file looked at as it is now.
   * @throws model_file_missing, model_damaged and the header's errors
   */
  forLoad(modelId: string): Promise<{ adapters: LoadRequest['adapters']; fileState: string }>;
}

interface AdaptersOptions {
  store: Pick<StoreClient, 'models' | 'adapters' | 'provenance'>;
  files: Pick<ModelFiles, 'parts' | 'nameOf' | 'location'>;
  headers: CheckedHeaders;
  mayDelete(path: string): boolean;
  isDamaged(id: string): Promise<boolean>;
  changed(): void;
}

export function createAdapters(options: AdaptersOptions): Adapters {
  const { store, files, headers, mayDelete, isDamaged, changed } = options;
  const isThere = (path: string) =>
    files.parts(path).then(
      () => true,
      () => false,
    );

  const toAdapter = async (
    { rank, bases }: StoredAdapter,
    row: StoredModel,
    attachments: readonly StoredAttachment[],
  ): Promise<Adapter> => {
    const { id, path, name, sizeBytes, architecture, licence, addedAt } = row;
    return {
      ...{ id, name, sizeBytes, architecture, licence, rank, bases, addedAt },
      fileName: await files.nameOf(path),
      location: files.location(path),
      available: await isThere(path),
      canDelete: mayDelete(path),
      modelIds: attachments.filter(({ adapterId }) => adapterId === id).map(({ modelId }) => modelId),
    };
  };

  /** Everything that the library calls a model. */
  const namesOf = async ({ id, name, path }: StoredModel): Promise<string[]> => {
    const known = await store.provenance.get({ modelId: id });
    const repos = known ? [known.repo, ...known.baseModels.map(({ repo }) => repo)] : [];
    return [name, await files.nameOf(path), ...repos];
  };

  const hostOf = async (row: StoredModel): Promise<AdapterHost> => {
    const header = await headers.of(await files.parts(row.path));
    const { architecture, shapes } = header;
    return { architecture, shapes, names: [...(await namesOf(row)), ...(header.name ? [header.name] : [])] };
  };

  const rowsOf = async (id: string) => {
    const rows = await store.models.list(undefined);
    const model = rows.find((row) => row.id === id);
    if (!model) throw appError('not_found');
    expectModel(model);
    return { model, rows };
  };

  return {
    async list() {
      const [facts, rows, attachments] = await Promise.all([
        store.adapters.list(undefined),
        store.models.list(undefined),
        store.adapters.attached(undefined),
      ]);
      const byId = new Map(facts.map((fact) => [fact.modelId, fact]));
      const wanted = rows.flatMap((row) => {
        const fact = byId.get(row.id);
        return fact ? [{ row, fact }] : [];
      });
      return Promise.all(wanted.map(({ row, fact }) => toAdapter(fact, row, attachments)));
    },
    async forModel(id) {
      const [{ model, rows }, facts] = await Promise.all([rowsOf(id), store.adapters.list(undefined)]);
      if (facts.length === 0) return [];
      const host = await hostOf(model);
      const choices = facts.map(({ modelId: adapterId, bases, targets }) => {
        const architecture = rows.find((row) => row.id === adapterId)?.architecture ?? '';
        return { adapterId, ...matchAdapter({ architecture, bases, targets }, host) };
      });
      return choices.sort((a, b) => ORDER[a.match] - ORDER[b.match]);
    },
    async attach(modelId, adapterId, scale) {
      if (modelId === GUIDE_ID) throw appError('conflict', { reason: 'built_in' });
      const [{ model, rows }, facts] = await Promise.all([rowsOf(modelId), store.adapters.list(undefined)]);
      const fact = facts.find((candidate) => candidate.modelId === adapterId);
      const row = rows.find((candidate) => candidate.id === adapterId);
      if (!fact || !row) throw appError('not_found');
      const attachments = await store.adapters.attached(undefined);
      const isOn = attachments.some((on) => on.modelId === modelId && on.adapterId === adapterId);
      if (!isOn) {
        const { architecture } = row;
        const { match, tensor } = matchAdapter({ ...fact, architecture }, await hostOf(model));
        if (match !== 'named' && match !== 'fits')
          throw appError('adapter_mismatch', { reason: match, tensor });
        await files.parts(row.path);
      }
      await store.adapters.attach({ modelId, adapterId, scale });
      changed();
    },
    async detach(modelId, adapterId) {
      await store.adapters.detach({ modelId, adapterId });
      changed();
    },
    async attached() {
      const result = new Map<string, AttachedAdapter[]>();
      for (const { modelId, adapterId, name, path, scale } of await store.adapters.attached(undefined)) {
        const adapter = { id: adapterId, name, scale, available: await isThere(path) };
        result.set(modelId, [...(result.get(modelId) ?? []), adapter]);
      }
      return result;
    },
    async modelsNamed(bases) {
      const rows = (await store.models.list(undefined)).filter(({ kind }) => kind === 'model');
      const named = await Promise.all(rows.map(async (row) => isNamedBase(bases, await namesOf(row))));
      return rows.filter((_, index) => named[index]).map(({ id }) => id);
    },
    async forLoad(modelId) {
      const adapters: LoadRequest['adapters'] = [];
      const states: string[] = [];
      for (const attached of await store.adapters.attached(undefined)) {
        if (attached.modelId !== modelId) continue;
        if (await isDamaged(attached.adapterId)) throw appError('model_damaged', { adapter: attached.name });
        const row = await store.models.get({ id: attached.adapterId });
        const found = await files.parts(row.path).catch(() => {
          throw appError('model_file_missing', { adapter: attached.name });
        });
        const { state } = await headers.ofChanged(found, row);
        adapters.push({ path: found.path, scale: attached.scale });
        states.push(state);
      }
      return { adapters, fileState: states.join(' ') };
    },
  };
}
