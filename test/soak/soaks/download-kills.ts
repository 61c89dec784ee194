import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { AppClient, Download } from '../../../src-main/contract/index.ts';
import { layoutOf, type Piece } from '../../../src-main/downloads/pieces.ts';
import { appFolders } from '../../support/app-process.ts';
import { MIB, modelBytes, PIECE, sha256 } from '../../support/downloads/kit.ts';
import { Random } from '../../support/gguf/random.ts';
import { startHub, type Hub, type Traffic } from '../../support/hub/hub.ts';
import { startServe } from '../../support/serve-process.ts';
import { connectSocket } from '../../support/socket-client.ts';
import { partSeed, type SoakContext, type SoakResult } from '../soak.ts';

const REPO = 'soak/kills';
const PATH = 'kills-00001.gguf';
const SIZE = 12 * PIECE + 3 * MIB;
/** Slow enough that a kill falls where it is meant to. */
const BYTES_PER_SECOND = 80 * MIB;
/** How far a run comes before its kill, at most: two or three runs a download. */
const MAX_SHARE = 0.6;
/** After that: the end of a download, its check and its last writes are met too. */
const MAX_DELAY_MS = 400;
/** What the server has written and the system holds when a process dies; the app never had it. */
const SOCKET_BYTES = 8 * MIB;

export const name = 'download-kills';
export const defaultCount = 20;

interface Figures {
  finishedDownloads: number;
  killsWhile: Record<string, number>;
  /** By one connection at one kill, beyond its last recorded piece. */
  worstLostBytes: number;
  fetchedBytes: number;
  neededBytes: number;
}

/**
 * Kills the app (SIGKILL) at random moments of a download, over one data folder that lives on. Each next start
 * goes on; no recorded piece is asked for again, and each file that arrives has the published hash.
 */
export async function run({ count, seed, log, deadline }: SoakContext): Promise<SoakResult> {
  const folders = appFolders();
  const bytes = await modelBytes(SIZE, seed);
  const hub = await startHub({ bytesPerSecond: BYTES_PER_SECOND });
  const { revision } = await hub.add(REPO, { files: { [PATH]: bytes } });
  const soak = new KillSoak(hub, revision, folders, sha256(bytes));
  const failures: string[] = [];
  let done = 0;
  try {
    for (; done < count && failures.length === 0 && Date.now() < deadline; done += 1) {
      const random = new Random(partSeed(seed, done));
      log(await soak.killOnce(random.uniform() * MAX_SHARE, random.uniform() * MAX_DELAY_MS));
      failures.push(...soak.failures.map((failure) => `kill ${done + 1}: ${failure}`));
    }
    if (failures.length === 0) {
      await soak.finish();
      failures.push(...soak.failures);
    }
  } catch (error) {
    failures.push(`kill ${done + 1}: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await hub.close();
    rmSync(folders.root, { recursive: true, force: true });
  }
  return { done, failures, figures: { ...soak.figures } };
}

class KillSoak {
  readonly failures: string[] = [];
  readonly figures: Figures = {
    finishedDownloads: 0,
    killsWhile: {},
    worstLostBytes: 0,
    fetchedBytes: 0,
    neededBytes: 0,
  };
  readonly #hub: Hub;
  readonly #revision: string;
  readonly #folders: ReturnType<typeof appFolders>;
  readonly #sha256: string;
  readonly #layout: readonly Piece[] = layoutOf([SIZE]);
  /** Numbers of the pieces that the journal had at the last kill. */
  #recorded = new Set<number>();

  constructor(hub: Hub, revision: string, folders: ReturnType<typeof appFolders>, hash: string) {
    this.#hub = hub;
    this.#revision = revision;
    this.#folders = folders;
    this.#sha256 = hash;
  }

  /** @param share of the file that comes in this run before the kill, `delayMs` later */
  async killOnce(share: number, delayMs: number): Promise<string> {
    const app = await this.#start();
    const begun = this.#traffic().ranges.length;
    const id = await this.#goOn(app.client);
    await this.#until(app.client, id, share * SIZE);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    const state = (await app.client.downloads.list()).find((download) => download.id === id)?.state ?? 'gone';
    await app.kill();
    this.#check(begun);
    this.figures.killsWhile[state] = (this.figures.killsWhile[state] ?? 0) + 1;
    if (state === 'done') await this.#restart();
    return `after ${(share * 100).toFixed(0)} % and ${delayMs.toFixed(0)} ms, ${state}: ${this.#recorded.size} of ${this.#layout.length} pieces kept`;
  }

  /** Lets the download end, and looks at the file. */
  async finish(): Promise<void> {
    const app = await this.#start();
    const begun = this.#traffic().ranges.length;
    const id = await this.#goOn(app.client);
    this.#expectWhole((await this.#until(app.client, id, Infinity)).state);
    const models = await app.client.models.list();
    if (models.length !== 1) this.failures.push(`${models.length} models in the library`);
    await app.stop();
    this.#check(begun);
  }

  /** After a download that ended before its kill: the next begins from nothing. */
  async #restart(): Promise<void> {
    this.#expectWhole('done');
    const app = await this.#start();
    for (const { id } of await app.client.models.list()) await app.client.models.remove({ id });
    for (const { id } of await app.client.downloads.list()) await app.client.downloads.clear({ id });
    await app.stop();
    rmSync(this.#target(), { force: true });
    this.#recorded = new Set();
  }

  async #start() {
    const { dataDir, modelsDir } = this.#folders;
    const serve = startServe(['--port', '0', '--data-dir', dataDir, '--models-dir', modelsDir]);
    const { client, close } = await connectSocket((await serve.ready).url);
    const end = (signal: NodeJS.Signals) => async () => {
      serve.child.kill(signal);
      await serve.exit;
      close();
    };
    await client.settings.update({ hubEndpoint: this.#hub.url });
    return { client, kill: end('SIGKILL'), stop: end('SIGTERM') };
  }

  /** Resumes what is there, or begins. */
  async #goOn(client: AppClient): Promise<string> {
    const [known] = await client.downloads.list();
    if (!known) {
      this.figures.neededBytes += SIZE;
      return (await client.downloads.start({ repo: REPO, revision: this.#revision, path: PATH })).id;
    }
    if (known.state !== 'done' && known.pauseReason !== 'restart') {
      this.failures.push(`found ${known.state}, ${String(known.pauseReason)}`);
    }
    await client.downloads.resume({ id: known.id });
    return known.id;
  }

  /** Resolves when so many more bytes are here, or when it ended. */
  async #until(client: AppClient, id: string, moreBytes: number): Promise<Download> {
    const events = await client.system.events(undefined);
    const now = (await client.downloads.list()).find((download) => download.id === id);
    const wantedBytes = (now?.receivedBytes ?? 0) + moreBytes;
    const isOver = ({ state, receivedBytes }: Download) =>
      state === 'done' || state === 'failed' || state === 'paused' || receivedBytes >= wantedBytes;
    if (now && isOver(now)) return now;
    for await (const event of events) {
      if (event.type !== 'downloads.changed') continue;
      const download = event.downloads.find((candidate) => candidate.id === id);
      if (download && isOver(download)) return download;
    }
    throw new Error('the events ended');
  }

  #expectWhole(state: Download['state']): void {
    if (state !== 'done') this.failures.push(`ended ${state}`);
    else if (sha256(readFileSync(this.#target())) !== this.#sha256)
      this.failures.push('the file is not the one');
    else this.figures.finishedDownloads += 1;
  }

  #target(): string {
    return join(this.#folders.modelsDir, 'soak', PATH);
  }

  #traffic(): Traffic {
    return this.#hub.traffic(REPO, PATH);
  }

  /** What the run since `begun` asked for, against what was recorded before it and at its end. */
  #check(begun: number): void {
    const before = this.#recorded;
    this.#recorded = this.#readRecorded();
    this.figures.fetchedBytes = this.#traffic().bytes;
    for (const { start, end, sentBytes } of this.#traffic().ranges.slice(begun)) {
      // The one byte that is asked for to hear of errors early.
      if (end - start === 1) continue;
      const asked = this.#layout.filter(({ offset, length }) => offset < end && offset + length > start);
      const again = asked.filter((piece) => before.has(this.#layout.indexOf(piece)));
      if (again.length > 0) this.failures.push(`${again.length} recorded pieces were asked for again`);
      const missing = asked.find((piece) => !this.#recorded.has(this.#layout.indexOf(piece)));
      const lost = missing ? start + sentBytes - Math.max(start, missing.offset) : 0;
      this.figures.worstLostBytes = Math.max(this.figures.worstLostBytes, lost);
      if (lost > PIECE + SOCKET_BYTES) this.failures.push(`a connection lost ${lost} bytes`);
    }
    for (const number of before) {
      if (!this.#recorded.has(number)) this.failures.push(`piece ${number} was forgotten`);
    }
  }

  #readRecorded(): Set<number> {
    const folder = join(this.#folders.dataDir, 'downloads');
    const names = readdirSync(folder).filter((file) => file.endsWith('.pieces'));
    const lines = names.flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n'));
    const numbers = lines.flatMap((line) => /^(\d+) [0-9a-f]{64} /u.exec(line)?.[1] ?? []);
    return new Set(numbers.map(Number));
  }
}
