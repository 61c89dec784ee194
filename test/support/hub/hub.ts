import { createHmac, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { answerApi } from './api.ts';
import {
  FaultList,
  WELL_BEHAVED,
  type Behaviour,
  type Cut,
  type Flip,
  type Refusal,
  type Where,
} from './faults.ts';
import { checkToken, Failure, mayRead, refusalOf } from './refusals.ts';
import { Repository, type RepositoryOptions, type StoredFile } from './repository.ts';
import { BodySender } from './send.ts';
import { reconstructionOf, type Reconstruction } from './xet.ts';

export type { Behaviour } from './faults.ts';
export { Repository, type Content, type RepositoryOptions } from './repository.ts';

/** What was asked for one file of the storage behind the hub. */
export interface Traffic {
  requests: number;
  /** Of bodies, as written to the sockets. */
  bytes: number;
  /** Each answered range or whole body, `end` not included, with how much of it was written. */
  ranges: { start: number; end: number; sentBytes: number }[];
}

export interface SeenRequest {
  where: Where;
  method: string;
  /** Path and query. */
  url: string;
  range: string | null;
  authorization: string | null;
  status: number;
}

/** A server that answers as the Hub does, and misbehaves as asked. */
export interface Hub {
  /** The endpoint: `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** In force for the answers that begin from now on; set any field. */
  readonly behaviour: Behaviour;
  /** Access tokens that gated repositories accept. */
  readonly tokens: Set<string>;
  readonly requests: readonly SeenRequest[];
  add(name: string, options: RepositoryOptions): Promise<Repository>;
  /** Answers with an error: 429 with `retryAfter`, 500, 403 … */
  fail(refusal: Refusal): void;
  cut(cut: Cut): void;
  flip(flip: Flip): void;
  /** Every signed link given out until now is refused with 403. */
  expireLinks(): void;
  /** Of the file's bytes, all revisions together. */
  traffic(repo: string, path: string): Traffic;
  /** Faults, limits and counts as at the start; repositories stay. */
  reset(): void;
  close(): Promise<void>;
}

const CAS_TOKEN = 'token-of-the-storage';
/** What a client accepts that can read Xet storage. */
const XET_FILE_INFO = 'application/vnd.xet-fileinfo+json';

/** Starts the server on a free port of this computer. */
export async function startHub(over: Partial<Behaviour> = {}): Promise<Hub> {
  const hub = new HubServer(over);
  await hub.listen();
  return hub;
}

class HubServer implements Hub {
  readonly behaviour: Behaviour;
  readonly tokens = new Set<string>();
  readonly requests: SeenRequest[] = [];
  readonly #repositories = new Map<string, Repository>();
  readonly #refusals = new FaultList<Refusal>();
  readonly #cuts = new FaultList<Cut>();
  readonly #flips = new FaultList<Flip>();
  readonly #traffic = new Map<string, Traffic>();
  readonly #sender = new BodySender(this.#cuts, this.#flips);
  readonly #secret = randomBytes(32);
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  /** By the file's hash in that storage. */
  readonly #reconstructions = new Map<string, Reconstruction>();
  /** Links signed for an earlier one are refused. */
  #linkEra = 0;

  constructor(over: Partial<Behaviour>) {
    this.behaviour = { ...WELL_BEHAVED, ...over };
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async add(name: string, options: RepositoryOptions): Promise<Repository> {
    const repository = new Repository(name, options);
    await repository.commit(options.files);
    this.#repositories.set(name, repository);
    return repository;
  }

  fail = (refusal: Refusal) => this.#refusals.add(refusal);
  cut = (cut: Cut) => this.#cuts.add(cut);
  flip = (flip: Flip) => this.#flips.add(flip);
  expireLinks = () => void (this.#linkEra += 1);

  traffic(repo: string, path: string): Traffic {
    const key = `${repo}/${path}`;
    const known = this.#traffic.get(key) ?? { requests: 0, bytes: 0, ranges: [] };
    this.#traffic.set(key, known);
    return known;
  }

  reset(): void {
    Object.assign(this.behaviour, WELL_BEHAVED);
    for (const list of [this.#refusals, this.#cuts, this.#flips]) list.clear();
    this.#traffic.clear();
    this.requests.length = 0;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const where = whereOf(url.pathname);
    const seen: SeenRequest = {
      where,
      method: request.method ?? '',
      url: request.url ?? '',
      range: request.headers.range ?? null,
      authorization: request.headers.authorization ?? null,
      status: 0,
    };
    this.requests.push(seen);
    response.on('close', () => (seen.status = response.statusCode));
    try {
      if (where === 'cas') {
        this.#refuseAsAsked(where, null);
        this.#sendReconstruction(url, request, response);
      } else if (where === 'api') {
        this.#refuseAsAsked(where, null);
        checkToken(tokenOf(request));
        if (/\/xet-read-token\//u.test(url.pathname)) {
          sendJson(response, {
            accessToken: CAS_TOKEN,
            casUrl: `${this.url}/cas`,
            exp: Date.now() / 1000 + 900,
          });
          return;
        }
        await answerApi({ url, request, response, repositories: this.#repositories, endpoint: this.url });
      } else if (where === 'cdn') await this.#sendObject(url, request, response);
      else await this.#resolve(url, request, response);
    } catch (error) {
      if (error instanceof Failure) error.send(response);
      else response.destroy();
    }
  }

  #refuseAsAsked(where: Where, path: string | null): void {
    const refusal = this.#refusals.take(path, (candidate) => candidate.where === where);
    if (refusal) throw refusalOf(refusal);
  }

  /** `/owner/name/resolve/revision/path`, and `raw`. */
  async #resolve(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [owner, name, verb, revision, ...rest] = url.pathname.slice(1).split('/').map(decodeURIComponent);
    const path = rest.join('/');
    this.#refuseAsAsked('resolve', path);
    if (this.behaviour.headerDelayMs > 0) await delay(this.behaviour.headerDelayMs);
    const repository = this.#repositories.get(`${owner}/${name}`);
    const token = tokenOf(request);
    checkToken(token);
    if (!repository) throw Failure.repoNotFound(token !== null);
    if (verb !== 'resolve' && verb !== 'raw') throw Failure.entryNotFound();
    const commit = repository.commitOf(revision ?? '');
    const files = repository.filesAt(commit);
    if (!files) throw Failure.revisionNotFound(revision ?? '');
    mayRead(repository, token, this.tokens);
    const file = files.get(path);
    if (!file) throw Failure.entryNotFound(commit);
    response.setHeader('x-repo-commit', commit);
    response.setHeader('accept-ranges', 'bytes');
    const { xetBlockBytes } = repository.options;
    const wantsXet = request.headers.accept?.includes(XET_FILE_INFO) === true;
    if (verb === 'resolve' && file.pointer !== null && xetBlockBytes !== undefined && wantsXet) {
      const found = await reconstructionOf(file, xetBlockBytes);
      this.#reconstructions.set(found.hash, found);
      const token = `<${this.url}/api/models/${repository.name}/xet-read-token/${commit}>; rel="xet-auth"`;
      const terms = `<${this.url}/cas/v1/reconstructions/${found.hash}>; rel="xet-reconstruction-info"`;
      response.setHeader('x-linked-size', String(file.sizeBytes));
      response.setHeader('x-linked-etag', `"${file.sha256}"`);
      response.setHeader('x-xet-hash', found.hash);
      response.setHeader('link', `${token}, ${terms}`);
      sendJson(response, { hash: found.hash }, XET_FILE_INFO);
      return;
    }
    if (verb === 'resolve' && file.pointer !== null) {
      // As the hub has it: what the file is stands here, where its bytes are in the redirect.
      response.writeHead(302, {
        'x-linked-size': String(file.sizeBytes),
        'x-linked-etag': `"${file.sha256}"`,
        location: this.#signedLink(repository, file),
        'content-length': '0',
      });
      response.end();
      return;
    }
    const text = verb === 'raw' ? file.pointer : null;
    response.setHeader('etag', `"${file.oid}"`);
    response.setHeader('content-type', 'text/plain; charset=utf-8');
    const body = text === null ? file : { ...file, ...ofText(text) };
    await this.#sender.send(body, request, response, this.behaviour, this.traffic(repository.name, path));
  }

  #sendReconstruction(url: URL, request: IncomingMessage, response: ServerResponse): void {
    const found = this.#reconstructions.get(url.pathname.split('/').at(-1) ?? '');
    if (tokenOf(request) !== CAS_TOKEN) throw new Failure(401, {}, 'Unauthorized');
    if (!found || !url.pathname.startsWith('/cas/v2/reconstructions/'))
      throw new Failure(404, {}, 'Not Found');
    sendJson(response, found);
  }

  #signedLink(repository: Repository, file: StoredFile): string {
    const expires = Date.now() + this.behaviour.linkLifetimeMs;
    const target = `/cdn/repos/${repository.name}/${file.sha256}`;
    const query = new URLSearchParams({
      'response-content-disposition': `attachment; filename="${file.path.split('/').at(-1)}";`,
      Path: file.path,
      Expires: String(expires),
      Era: String(this.#linkEra),
    });
    query.set('Signature', this.#signature(target, query));
    return `${this.url}${target}?${query}`;
  }

  #signature(target: string, query: URLSearchParams): string {
    const signed = ['Path', 'Expires', 'Era'].map((key) => query.get(key)).join('\n');
    return createHmac('sha256', this.#secret).update(`${target}\n${signed}`).digest('base64url');
  }

  async #sendObject(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const query = url.searchParams;
    const path = query.get('Path') ?? '';
    const [, , , owner, name, sha256] = url.pathname.split('/');
    this.#refuseAsAsked('cdn', path);
    if (this.behaviour.headerDelayMs > 0) await delay(this.behaviour.headerDelayMs);
    const signed = query.get('Signature') === this.#signature(url.pathname, query);
    const isFresh = Number(query.get('Expires')) > Date.now() && query.get('Era') === String(this.#linkEra);
    if (!signed) throw Failure.storage('Access denied');
    if (!isFresh) throw Failure.storage('Request has expired');
    const file = this.#repositories.get(`${owner}/${name}`)?.object(sha256 ?? '');
    if (!file) throw Failure.storage('Access denied');
    response.setHeader('etag', `"${file.sha256}"`);
    response.setHeader('content-type', 'application/octet-stream');
    response.setHeader('x-cache', 'Hit from cloudfront');
    const traffic = this.traffic(`${owner}/${name}`, path);
    await this.#sender.send({ ...file, path }, request, response, this.behaviour, traffic);
  }
}

function sendJson(response: ServerResponse, value: unknown, type = 'application/json'): void {
  response.setHeader('content-type', type);
  response.end(JSON.stringify(value));
}

function whereOf(pathname: string): Where {
  if (pathname.startsWith('/cas/')) return 'cas';
  if (pathname.startsWith('/api/')) return 'api';
  return pathname.startsWith('/cdn/') ? 'cdn' : 'resolve';
}

function tokenOf(request: IncomingMessage): string | null {
  return /^Bearer (.+)$/u.exec(request.headers.authorization ?? '')?.[1] ?? null;
}

function ofText(text: string): Pick<StoredFile, 'sizeBytes' | 'read'> {
  const bytes = Buffer.from(text);
  return {
    sizeBytes: bytes.length,
    read: (start, end) => Readable.from([bytes.subarray(start, end)]),
  };
}
