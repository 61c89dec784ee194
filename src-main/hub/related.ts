import type { AdapterBase, AdapterRelated } from '../contract/index.ts';
import type { Hub, HubFileId } from './api.ts';

/** What is asked of the library. */
export interface RelatedLibrary {
  modelsNamed(bases: readonly AdapterBase[]): Promise<string[]>;
}

/**
 * Finds what an adapter on the hub belongs to: its header and its page name the base; a model of the library is
 * taken first, then the quantised build of the base that most people take.
 * @throws what reading the header, a search and a page throw
 */
export async function relatedOf(
  id: HubFileId,
  { hub, library }: { hub: Pick<Hub, 'headerOf' | 'filesOf' | 'search' | 'model'>; library: RelatedLibrary },
): Promise<AdapterRelated> {
  const [{ parts }, facts] = await Promise.all([hub.headerOf(id), hub.filesOf(id.repo, id.revision)]);
  const fromPage = facts.baseModels.slice(0, 1).map(({ repo }) => ({ name: null, repo }));
  const named = parts[0]?.adapter?.bases ?? [];
  const bases = named.length > 0 ? named : fromPage;
  const modelIds = await library.modelsNamed([...named, ...fromPage]);
  if (modelIds.length > 0) return { bases, modelIds, file: null };
  for (const repo of new Set([...named, ...fromPage].flatMap((base) => base.repo ?? []))) {
    const file = await buildOf(repo, hub);
    if (file) return { bases, modelIds, file };
  }
  return { bases, modelIds, file: null };
}

/** The file to take of the most downloaded repository that has quants of a model. */
async function buildOf(base: string, hub: Pick<Hub, 'search' | 'model'>): Promise<AdapterRelated['file']> {
  const query = { query: '', author: null, licence: null, maxParameters: null, cursor: null, base };
  const { models } = await hub.search({ ...query, sort: 'downloads' });
  const [first] = models;
  if (!first) return null;
  const page = await hub.model(first.repo);
  const file = page.files.find(({ path }) => path === page.recommended?.path);
  return file ? { repo: page.repo, revision: page.revision, file } : null;
}
