import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAppError, type AppClient } from '../../../src-main/contract/index.ts';
import { startApp, type AppProcess } from '../../support/app-process.ts';
import { plainScript, writeScriptedModel } from '../../support/gguf/scripted-model.ts';
import { Random } from '../../support/gguf/random.ts';
import { checkOldHistory, isBackingUp, NEWEST, writeOldHistory } from '../../support/safety/old-history.ts';
import { Person } from '../../support/safety/person.ts';
import { mountSmallDisk, type SmallDisk } from '../../support/safety/small-disk.ts';
import { checkLeft, Witness } from '../../support/safety/witness.ts';
import { connectSocket } from '../../support/socket-client.ts';
import { partSeed, type SoakContext, type SoakResult } from '../soak.ts';

/** What the app does when the disk fills. */
const phases = ['send', 'stream', 'edit', 'import', 'backup', 'restore', 'migrate'] as const;
type Phase = (typeof phases)[number];
type Call = Exclude<Phase, 'stream' | 'migrate'>;
const calls: readonly Call[] = ['send', 'edit', 'import', 'backup', 'restore'];
/** Each phase is refused at least this often in a full run, or the run says nothing. */
const MIN_HITS = 5;
const COUNT_FOR_MIN_HITS = phases.length * MIN_HITS * 2;
/** Some of what is written after the disk is full still fits into the log. */
const MOST_LEFT_BYTES = 96 * 1024;
/** Cutting the disk takes some of the time that the work takes. */
const FILL_SHARE = 0.7;
/** So many small changes fit into what may be left. */
const CHANGES_UNTIL_FULL = 400;
const EDITS = 30;
const PATIENCE_MS = 30_000;
/** What the app says when it ends because it cannot begin. */
const SAYS_FULL = /disk is full/i;

interface Progress {
  done: number;
  /** The disk was full before the work ended, and the caller was told so. */
  hits: Record<Phase, number>;
  /** The work ended just before the disk was full. */
  between: number;
  startsOnFullDisk: number;
  startsRefused: number;
  questions: number;
  failures: string[];
}

export const name = 'full-disk';
export const defaultCount = 100;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const sentenceOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

const nothingDone = (): Progress => ({
  done: 0,
  hits: { send: 0, stream: 0, edit: 0, import: 0, backup: 0, restore: 0, migrate: 0 },
  between: 0,
  startsOnFullDisk: 0,
  startsRefused: 0,
  questions: 0,
  failures: [],
});

const isProgress = (value: unknown): value is Progress =>
  typeof value === 'object' && value !== null && 'hits' in value && 'startsOnFullDisk' in value;

/**
 * Fills the disk of the data folder at random moments: a small file system in memory, whose size is cut to what it
 * holds. Each time: the caller is told `disk_full` and nothing else, reading goes on, what was acknowledged is there,
 * what was refused is there whole or not at all; the app starts on the full disk or says why not, and with room again
 * everything goes on.
 */
export async function run({ count, seed, log, deadline, saved, save }: SoakContext): Promise<SoakResult> {
  const disk = mountSmallDisk();
  if (disk === null)
    return { done: 0, failures: ['not run: a small disk can be mounted on Linux as root only'], figures: {} };
  const root = mkdtempSync(join(tmpdir(), 'leeward-full-'));
  const progress = isProgress(saved) ? saved : nothingDone();
  try {
    const fills = await Fills.begin(root, disk, progress);
    while (progress.done < count && progress.failures.length === 0 && Date.now() < deadline) {
      const index = progress.done;
      const phase = phases[index % phases.length] ?? 'send';
      const random = new Random(partSeed(seed, index));
      try {
        const isHit = await fills.one(phase, () => random.uniform());
        if (isHit) progress.hits[phase] += 1;
        else progress.between += 1;
        log(`fill ${index + 1}, ${phase}${isHit ? '' : ' (just ended)'}`);
      } catch (error) {
        progress.failures.push(`fill ${index + 1}, ${phase}: ${sentenceOf(error)}`);
      }
      progress.done += 1;
      // A run that failed is not gone on with: it is run again.
      if (progress.failures.length === 0) save(progress);
    }
    progress.questions = fills.questions;
    await fills.end();
  } finally {
    disk.dispose();
    rmSync(root, { recursive: true, force: true });
  }
  const { done, failures, ...figures } = progress;
  const missed = done >= count && count >= COUNT_FOR_MIN_HITS ? missedPhases(progress) : [];
  return { done, failures: [...failures, ...missed], figures };
}

function missedPhases({ hits }: Progress): string[] {
  return phases
    .filter((phase) => hits[phase] < MIN_HITS)
    .map((phase) => `${phase} was refused ${hits[phase]} times, fewer than ${MIN_HITS}`);
}

/** True when `work` was refused because the disk is full. @throws Error for every other failure */
async function isRefused(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return false;
  } catch (error) {
    if (isAppError(error) && error.code === 'disk_full') return true;
    const told = isAppError(error) ? `${error.code} ${JSON.stringify(error.data)}` : sentenceOf(error);
    throw new Error(`on a full disk the caller is told ${told}`, { cause: error });
  }
}

async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const startedAt = performance.now();
  while (!(await isTrue())) {
    if (performance.now() - startedAt > PATIENCE_MS) throw new Error(`waited in vain until ${what}`);
    await pause(20);
  }
}

class Fills {
  readonly #root: string;
  readonly #disk: SmallDisk;
  readonly #progress: Progress;
  readonly #witness = new Witness();
  readonly #spans = new Map<Call | 'migrate', number>();
  #modelId = '';
  #questionId = '';
  #oldHash = '';
  #app: AppProcess | null = null;

  private constructor(root: string, disk: SmallDisk, progress: Progress) {
    this.#root = root;
    this.#disk = disk;
    this.#progress = progress;
  }

  /** Adds a model and does everything once, to see how long it takes. */
  static async begin(root: string, disk: SmallDisk, progress: Progress): Promise<Fills> {
    const fills = new Fills(root, disk, progress);
    await fills.#prepare();
    return fills;
  }

  get questions(): number {
    return this.#witness.saved.size;
  }

  /** Ends what runs, whatever happened. */
  async end(): Promise<void> {
    this.#disk.free();
    await this.#app?.stop();
  }

  #folders(part: string) {
    return { root: this.#root, dataDir: join(this.#disk.path, part), modelsDir: join(this.#root, 'models') };
  }

  async #prepare(): Promise<void> {
    const { modelsDir } = this.#folders('data');
    mkdirSync(modelsDir);
    const file = join(modelsDir, 'talker.gguf');
    await writeScriptedModel(file, { script: plainScript, thenStop: false, shape: 'slow' });
    await this.#withApp(async (client) => {
      const [found] = await client.models.files();
      if (!found) throw new Error('the model file is not seen');
      this.#modelId = (await client.models.add({ fileId: found.fileId })).id;
      await client.models.load({ id: this.#modelId });
      const person = this.#person(client);
      this.#questionId = (await person.send()).userMessageId;
      for (const call of calls) {
        const begin = await this.#call(call, person);
        const startedAt = performance.now();
        await begin();
        this.#spans.set(call, performance.now() - startedAt);
      }
    });
    this.#oldHash = writeOldHistory(join(this.#root, 'template'));
    const folders = this.#freshOldFolders();
    const starting = startApp(folders);
    await until('the migration begins', () => isBackingUp(folders.dataDir));
    const startedAt = performance.now();
    const app = await starting;
    this.#spans.set('migrate', performance.now() - startedAt);
    await app.stop();
  }

  #person(client: AppClient): Person {
    return new Person(client, this.#witness, this.#modelId);
  }

  async #call(call: Call, person: Person): Promise<() => Promise<unknown>> {
    if (call === 'send') return () => person.send();
    if (call === 'edit') return () => this.#edits(person);
    if (call === 'import') return () => person.import();
    if (call === 'backup') return () => person.backUp();
    return person.prepareRestore(this.#questionId);
  }

  /** One alone takes a few milliseconds: the disk fills between several. */
  async #edits(person: Person): Promise<void> {
    for (let index = 0; index < EDITS; index += 1) await person.edit(this.#questionId, false);
  }

  async #withApp<T>(work: (client: AppClient) => Promise<T>): Promise<T> {
    const app = await startApp(this.#folders('data'));
    this.#app = app;
    const { client, close } = await connectSocket(app.url);
    const result = await work(client).finally(close);
    const code = await app.stop();
    this.#app = null;
    if (code !== 0) throw new Error(`the app ended with ${code}: ${app.stderr()}`);
    return result;
  }

  /** One full disk and all its checks. @returns false when the work ended before the disk was full */
  async one(phase: Phase, random: () => number): Promise<boolean> {
    if (phase === 'migrate') return this.#inMigration(random);
    const isHit = await this.#withApp(async (client) => {
      const hit =
        phase === 'stream' ? await this.#inAnswer(client, random) : await this.#inCall(phase, client, random);
      await this.#onFullDisk(client);
      return hit;
    });
    checkLeft(this.#folders('data').dataDir, this.#witness, Date.now());
    await this.#startOnFullDisk();
    this.#disk.free();
    await this.#withApp((client) => this.#person(client).edit(this.#questionId, false));
    checkLeft(this.#folders('data').dataDir, this.#witness, Date.now());
    return isHit;
  }

  async #inCall(call: Call, client: AppClient, random: () => number): Promise<boolean> {
    const begin = await this.#call(call, this.#person(client));
    const refused = isRefused(begin());
    refused.catch(() => {});
    await pause(random() * (this.#spans.get(call) ?? 0) * FILL_SHARE);
    this.#disk.fill(Math.floor(random() * MOST_LEFT_BYTES));
    return refused;
  }

  /** The disk fills while an answer arrives; it is all there when there is room again. */
  async #inAnswer(client: AppClient, random: () => number): Promise<boolean> {
    const stream = await client.system.events(undefined);
    let length = 0;
    let isSettled = false;
    void (async () => {
      for await (const event of stream) {
        if (event.type === 'message.chunk') length += event.text.length;
        else if (event.type === 'generation.settled') isSettled = true;
      }
    })().catch(() => {});
    const { assistantMessageId: messageId, conversationId } = await this.#person(client).send();
    await until('the answer begins', () => length > 0);
    await pause(random() * 1_500);
    this.#disk.fill(0);
    const isFull = async () => (await client.system.info()).diskFullSince !== null;
    await until('a full disk is noticed', isFull);
    await pause(random() * 1_000);
    this.#disk.free();
    await until('saving works again', async () => !(await isFull()));
    await client.conversations.stop({ messageId });
    await until('the answer has ended', () => isSettled);
    const { messages } = await client.conversations.get({ id: conversationId });
    const kept = messages.find(({ id }) => id === messageId)?.text.length ?? 0;
    if (kept !== length) throw new Error(`${length - kept} of ${length} characters that were shown are lost`);
    this.#disk.fill(Math.floor(random() * MOST_LEFT_BYTES));
    return true;
  }

  /** Changes are refused by name at last, and what there is can be read. */
  async #onFullDisk(client: AppClient): Promise<void> {
    const person = this.#person(client);
    let changes = 0;
    while (!(await isRefused(person.edit(this.#questionId, false)))) {
      changes += 1;
      if (changes > CHANGES_UNTIL_FULL) throw new Error('the disk does not become full');
    }
    const [newest] = await client.conversations.list();
    if (newest) await client.conversations.get({ id: newest.id });
  }

  /** It shows what there is, or ends with a sentence that says why. */
  async #startOnFullDisk(): Promise<void> {
    const folders = this.#folders('data');
    try {
      await this.#withApp((client) => client.conversations.list());
      this.#progress.startsOnFullDisk += 1;
    } catch (error) {
      if (!SAYS_FULL.test(sentenceOf(error))) throw error;
      this.#progress.startsRefused += 1;
    }
    checkLeft(folders.dataDir, this.#witness, Date.now());
  }

  #freshOldFolders() {
    const folders = this.#folders('old');
    rmSync(folders.dataDir, { recursive: true, force: true });
    cpSync(join(this.#root, 'template'), folders.dataDir, { recursive: true });
    return folders;
  }

  async #inMigration(random: () => number): Promise<boolean> {
    const folders = this.#freshOldFolders();
    const started = startApp(folders).then(
      (app) => ({ app, said: '' }),
      (error: unknown) => ({ app: null, said: sentenceOf(error) }),
    );
    await until('the migration begins', () => isBackingUp(folders.dataDir));
    await pause(random() * (this.#spans.get('migrate') ?? 0));
    this.#disk.fill(0);
    const { app, said } = await started;
    await app?.stop();
    if (app === null && !SAYS_FULL.test(said)) throw new Error(`the start says: ${said}`);
    this.#disk.free();
    checkOldHistory(folders.dataDir, this.#oldHash);
    const next = await startApp(folders);
    await next.stop();
    if (checkOldHistory(folders.dataDir, this.#oldHash) !== NEWEST)
      throw new Error('the next start does not finish the migration');
    return app === null;
  }
}
