import { appError, errorCodeOf, type Fit, type HubBaseModel, type HubFile } from '../contract/index.ts';
import type * as v from 'valibot';
import type { HeaderReader } from '../models/gguf-header.ts';
import type { Privacy } from '../privacy/privacy.ts';
import type { SettingsService } from '../settings/settings.ts';
import { parseHubAddress } from './address.ts';
import type { FitOf, Hub, HubCallOptions, HubFacts, HubFileId, ModelIdOf, RemoteHeader } from './api.ts';
import { descriptionOf, licenceOf, parentsOf, type Card } from './card.ts';
import { CATALOGUE } from './catalogue.ts';
import { createHubClient } from './client.ts';
import { modelFiles, wantedFile } from './files.ts';
import { recommend, usualFile } from './recommend.ts';
import { RemoteHeaders } from './remote-headers.ts';
import { remoteSource } from './remote-source.ts';
import { Recent } from './recent.ts';

/** Steps from a fine-tune of a fine-tune to what a company trained. */
const MAX_LINEAGE_STEPS = 3;
/** Pages and headers that are kept for this run. */
const KEPT_PAGES = 50;
const KEPT_HEADERS = 100;
/** A page does not wait longer for its recommendation: the header of a large vocabulary takes a while. */
const MAX_FIT_WAIT_MS = 5_000;

type BaseModel = v.InferOutput<typeof HubBaseModel>;

export interface HubOptions {
  privacy: Pick<Privacy, 'request'>;
  settings: Pick<SettingsService, 'get'>;
  /** The user's access token for gated models; null for none. */
  hubToken(): Promise<string | null>;
  /** Reads remote headers; closed with the hub. */
  headers: HeaderReader;
  /** How one file would sit on this computer; without it the usual quant is recommended. */
  fitOf?: FitOf;
  modelIdOf?: ModelIdOf;
}

/** What is known of one commit. */
interface Commit extends HubFacts {
  description: string;
}

export function createHub({ privacy, settings, hubToken, headers, fitOf, modelIdOf }: HubOptions): Hub {
  const endpoint = () => settings.get().hubEndpoint;
  const client = createHubClient({ privacy, endpoint, hubToken });
  const commits = new Recent<Commit>(KEPT_PAGES);
  const readHeaders = new Recent<RemoteHeader>(KEPT_HEADERS);
  const remoteHeaders = new RemoteHeaders(headers);
  const keyOf = (...parts: string[]) => [endpoint(), ...parts].join(' ');

  const lineage = async (card: Card, options: HubCallOptions): Promise<BaseModel[]> => {
    const chain = parentsOf(card);
    const seen = new Set(chain.map(({ repo }) => repo));
    let [nearest] = chain;
    // A merge has no one line of descent.
    if (chain.length !== 1) return chain;
    for (let step = 1; step < MAX_LINEAGE_STEPS && nearest; step += 1) {
      const parents = await client.page(nearest.repo, null, options).then(
        (page) => parentsOf(page.card),
        (error: unknown) => endOfLine(error),
      );
      chain.push(...parents.filter(({ repo }) => !seen.has(repo)));
      nearest = parents.length === 1 && !seen.has(parents[0]?.repo ?? '') ? parents[0] : undefined;
      for (const { repo } of parents) seen.add(repo);
    }
    return chain;
  };

  const readCommit = async (
    repo: string,
    revision: string,
    card: Card,
    options: HubCallOptions,
  ): Promise<Commit> => {
    const [tree, readme, baseModels] = await Promise.all([
      client.tree(repo, revision, options),
      client.readme(repo, revision, options).catch(withoutCard),
      lineage(card, options),
    ]);
    return {
      licence: licenceOf(card),
      baseModels,
      files: modelFiles(tree, baseModels[0]?.relation === 'adapter'),
      description: descriptionOf(readme),
    };
  };

  // Without the caller's signal: others may wait for the same answer.
  const commitOf = (repo: string, revision: string, card: Card | null, mayPassOffline = false) =>
    commits.get(keyOf(repo, revision), async () => {
      const options = { mayPassOffline };
      const known = card ?? (await client.page(repo, revision, options)).card;
      return readCommit(repo, revision, known, options);
    });

  /** Asked anew each time: a download may have ended meanwhile. */
  const withModelId = async (file: HubFile): Promise<HubFile> => {
    const hashes = file.parts.flatMap(({ sha256 }) => sha256 ?? []);
    const isKnown = modelIdOf !== undefined && hashes.length === file.parts.length;
    return { ...file, modelId: isKnown ? await modelIdOf(hashes) : null };
  };

  const fitOfUsual = async (repo: string, revision: string, files: readonly HubFile[]) => {
    const usual = usualFile(files);
    return usual && fitOf ? soon(fitOf({ repo, revision, path: usual.path })) : null;
  };

  const readHeader = async (id: HubFileId, mayPassOffline: boolean): Promise<RemoteHeader> => {
    const { files } = await commitOf(id.repo, id.revision, null, mayPassOffline);
    const file = files.find(({ path }) => path === id.path);
    if (!file) throw appError('not_found');
    const options = { privacy, endpoint: endpoint(), hubToken, mayPassOffline };
    return remoteHeaders.read(keyOf(id.repo, id.revision), file, (path, sizeBytes) =>
      remoteSource({ ...id, path, sizeBytes }, options),
    );
  };

  return {
    catalogue: () => CATALOGUE.map((entry) => ({ ...entry })),
    search: (query, options) => client.search(query, options),
    async model(address, options = {}) {
      const wanted = parseHubAddress(address, URL.parse(endpoint())?.host);
      if (!wanted) throw appError('invalid_input', { reason: 'address' });
      const { summary, revision, card } = await client.page(wanted.repo, wanted.revision, options);
      const {
        description,
        baseModels,
        files: kept,
      } = await commitOf(summary.repo, revision, card, options.mayPassOffline);
      const files = await Promise.all(kept.map(withModelId));
      // While offline is on nothing is read but what the user allowed.
      const fit = options.mayPassOffline ? null : await fitOfUsual(summary.repo, revision, files);
      return {
        ...summary,
        revision,
        description,
        baseModels,
        files,
        recommended: recommend(files, fit, usualFile(files)),
        wantedPath: wantedFile(files, wanted),
      };
    },
    filesOf: (repo, revision, options = {}) => commitOf(repo, revision, null, options.mayPassOffline),
    async headerOf(id, { mayPassOffline = false } = {}) {
      const key = keyOf(id.repo, id.revision, id.path);
      const { file, parts } = await readHeaders.get(key, () => readHeader(id, mayPassOffline));
      return { file: await withModelId(file), parts };
    },
    close: () => headers.close(),
  };
}

/** A base that is gone, private or gated ends the chain; what stops every request does not. */
function endOfLine(error: unknown): BaseModel[] {
  const code = errorCodeOf(error);
  if (code === 'not_found' || code === 'hub_gated') return [];
  throw error;
}

function withoutCard(error: unknown): string {
  const code = errorCodeOf(error);
  if (code === 'not_found' || code === 'hub_gated') return '';
  throw error;
}

/** The fit, if it is there in time; why it is not is told where the user asks for it. */
async function soon(fit: Promise<Fit>): Promise<Fit | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), MAX_FIT_WAIT_MS)));
  try {
    return await Promise.race([fit.catch(() => null), late]);
  } finally {
    clearTimeout(timer);
  }
}
