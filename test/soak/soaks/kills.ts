import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { AppClient } from '../../../src-main/contract/index.ts';
import { appFolders, startApp, waitUntilGone, type AppProcess } from '../../support/app-process.ts';
import { plainScript, writeScriptedModel } from '../../support/gguf/scripted-model.ts';
import { Random } from '../../support/gguf/random.ts';
import {
  checkOldHistory,
  isBackingUp,
  NEWEST,
  OLDEST,
  writeOldHistory,
} from '../../support/safety/old-history.ts';
import { Person } from '../../support/safety/person.ts';
import { checkLeft, Witness } from '../../support/safety/witness.ts';
import { connectSocket } from '../../support/socket-client.ts';
import { partSeed, type SoakContext, type SoakResult } from '../soak.ts';

/** Where in the life of the app the kill falls; drawn in turn so that each gets its share. */
const phases = [
  'send',
  'stream',
  'edit',
  'import',
  'migrate',
  'backup',
  'restore',
  'flush',
  'load',
  'stop',
  'quit',
  'start',
] as const;
type Phase = (typeof phases)[number];
/** Calls with an end: the kill falls between the call and its answer. */
const calls = ['send', 'edit', 'import', 'backup', 'restore'] as const;
type Call = (typeof calls)[number];
/** Each phase is hit at least this often in a full run, or the run says nothing. */
const MIN_HITS = 5;
/** Some kills come when the call has just ended; below this count not every phase has its share. */
const COUNT_FOR_MIN_HITS = phases.length * MIN_HITS * 2;
/** A call that was still running is looked at later the next time; one that had ended, within the time it took. */
const LATER_FACTOR = 1.2;
/** Aims on a quiet machine; kills that miss one are counted. A partial answer may be so much behind what was seen. */
const AIM_BEHIND_MS = 1_000;
const AIM_SIDECAR_MS = 2_000;
/** On any machine: beyond this nobody writes any more, or the engine never ends. */
const MAX_BEHIND_MS = 10_000;
const MAX_SIDECAR_MS = 20_000;
/** A start of which nothing is seen for this long hangs. */
const START_MS = 30_000;

interface Progress {
  done: number;
  hits: Record<Phase | 'between', number>;
  questions: number;
  worstBehindMs: number;
  worstSidecarMs: number;
  lateAnswers: number;
  lateSidecars: number;
  failures: string[];
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const isCall = (phase: Phase): phase is Call => calls.some((call) => call === phase);
const sentenceOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

export const name = 'kills';
export const defaultCount = 200;

const nothingDone = (): Progress => ({
  done: 0,
  hits: Object.fromEntries([...phases, 'between'].map((phase) => [phase, 0])) as Progress['hits'],
  questions: 0,
  worstBehindMs: 0,
  worstSidecarMs: 0,
  lateAnswers: 0,
  lateSidecars: 0,
  failures: [],
});

const isProgress = (value: unknown): value is Progress =>
  typeof value === 'object' && value !== null && 'hits' in value && 'worstSidecarMs' in value;

/**
 * Kills the whole app (SIGKILL) at random moments, over one data folder that lives on. After each kill: the sidecar is
 * gone (within 2 s on a quiet machine), the database and every backup pass their check, everything acknowledged is
 * there, what was being made is there whole or not at all, the partial answer is little behind (a second on a quiet
 * machine); and the next start works.
 */
export async function run({ count, seed, log, deadline, saved, save }: SoakContext): Promise<SoakResult> {
  const folders = appFolders();
  const progress = isProgress(saved) ? saved : nothingDone();
  try {
    const kills = await Kills.begin(folders, progress);
    while (progress.done < count && progress.failures.length === 0 && Date.now() < deadline) {
      const index = progress.done;
      const phase = phases[index % phases.length] ?? 'stream';
      const random = new Random(partSeed(seed, index));
      try {
        const { isHit, told } = await kills.one(phase, () => random.uniform());
        progress.hits[isHit ? phase : 'between'] += 1;
        log(`kill ${index + 1}, ${phase}${isHit ? '' : ' (just ended)'}: ${told}`);
      } catch (error) {
        progress.failures.push(`kill ${index + 1}, ${phase}: ${sentenceOf(error)}`);
      }
      progress.done += 1;
      // A run that failed is not gone on with: it is run again.
      if (progress.failures.length === 0) save(progress);
    }
    progress.questions = kills.questions;
    if (progress.failures.length === 0) await kills.startOnce();
  } catch (error) {
    progress.failures.push(`the start after the last kill: ${sentenceOf(error)}`);
  } finally {
    rmSync(folders.root, { recursive: true, force: true });
  }
  const { done, failures, ...figures } = progress;
  const missed = done >= count && count >= COUNT_FOR_MIN_HITS ? missedPhases(progress) : [];
  return { done, failures: [...failures, ...missed], figures };
}

function missedPhases({ hits }: Progress): string[] {
  return phases
    .filter((phase) => hits[phase] < MIN_HITS)
    .map((phase) => `${phase} was hit ${hits[phase]} times, fewer than ${MIN_HITS}`);
}

interface Session {
  app: AppProcess;
  client: AppClient;
  person: Person;
  close(): void;
}

class Kills {
  readonly #folders: ReturnType<typeof appFolders>;
  readonly #witness = new Witness();
  readonly #progress: Progress;
  readonly #spans = new Map<Call | 'start' | 'migrate', number>();
  #modelId = '';
  /** A question of the first chat: edits are versions of it. */
  #questionId = '';
  #oldHash = '';

  private constructor(folders: ReturnType<typeof appFolders>, progress: Progress) {
    this.#folders = folders;
    this.#progress = progress;
  }

  /** Adds the model and does everything once, to see how long it takes. */
  static async begin(folders: ReturnType<typeof appFolders>, progress: Progress): Promise<Kills> {
    const file = join(folders.modelsDir, 'talker.gguf');
    await writeScriptedModel(file, { script: plainScript, thenStop: false, shape: 'slow' });
    const kills = new Kills(folders, progress);
    await kills.#prepare();
    return kills;
  }

  get questions(): number {
    return this.#witness.saved.size;
  }

  async #prepare(): Promise<void> {
    await this.startOnce();
    const session = await this.#start();
    const { client, app } = session;
    const [file] = await client.models.files();
    if (!file) throw new Error('the model file is not seen');
    const { id } = await client.models.add({ fileId: file.fileId });
    this.#modelId = id;
    await client.models.load({ id });
    const person = new Person(client, this.#witness, id);
    const { conversationId, userMessageId, assistantMessageId } = await person.send();
    this.#questionId = userMessageId;
    // A question is not edited while its answer is being written.
    await client.conversations.stop({ messageId: assistantMessageId });
    const isWriting = async () =>
      (await client.conversations.get({ id: conversationId })).messages.some(
        ({ status }) => status === 'streaming',
      );
    while (await isWriting()) await pause(20);
    for (const call of calls) {
      const begin = await this.#call(call, person);
      const startedAt = performance.now();
      await begin();
      this.#spans.set(call, performance.now() - startedAt);
    }
    session.close();
    await app.stop();
    this.#oldHash = writeOldHistory(this.#oldFolder('template'));
    await this.#measureMigration();
  }

  #oldFolder(part: string): string {
    return join(this.#folders.root, part);
  }

  /** The next start works: it is ready, and lists its chats. */
  async startOnce(): Promise<void> {
    const startedAt = performance.now();
    const app = await startApp(this.#folders);
    this.#spans.set('start', performance.now() - startedAt);
    const { client, close } = await connectSocket(app.url);
    await client.conversations.list();
    close();
    await app.stop();
  }

  async #start(): Promise<Session> {
    const app = await startApp(this.#folders);
    const { client, close } = await connectSocket(app.url);
    return { app, client, close, person: new Person(client, this.#witness, this.#modelId) };
  }

  /** Gets everything ready for a call; what comes back makes it. */
  async #call(
    call: Call,
    person: Person,
    random: () => number = Math.random,
  ): Promise<() => Promise<unknown>> {
    if (call === 'send') return () => person.send();
    if (call === 'edit') {
      const withAnswer = random() < 0.5;
      return () => person.edit(this.#questionId, withAnswer);
    }
    if (call === 'import') return () => person.import();
    if (call === 'backup') return () => person.backUp();
    return person.prepareRestore(this.#questionId);
  }

  /** One kill and all its checks. @throws Error with what is wrong */
  async one(phase: Phase, random: () => number): Promise<{ isHit: boolean; told: string }> {
    if (phase === 'migrate') return this.#inMigration(random);
    this.#witness.streaming = null;
    const { isHit, killedAt, sidecars } = await (phase === 'start'
      ? this.#inStart(random)
      : this.#inSession(phase, random));
    const sidecarMs = await waitUntilGone(sidecars, MAX_SIDECAR_MS);
    if (sidecarMs === null)
      throw new Error(`a sidecar lived on ${MAX_SIDECAR_MS} ms after the app was killed`);
    const behindMs = checkLeft(this.#folders.dataDir, this.#witness, killedAt);
    if (behindMs > MAX_BEHIND_MS) throw new Error(`the partial answer is ${behindMs} ms behind`);
    if (sidecarMs > AIM_SIDECAR_MS) this.#progress.lateSidecars += 1;
    if (behindMs > AIM_BEHIND_MS) this.#progress.lateAnswers += 1;
    this.#progress.worstSidecarMs = Math.max(this.#progress.worstSidecarMs, sidecarMs);
    this.#progress.worstBehindMs = Math.max(this.#progress.worstBehindMs, behindMs);
    return {
      isHit,
      told: `sidecar gone after ${sidecarMs.toFixed(0)} ms, answer ${behindMs.toFixed(0)} ms behind`,
    };
  }

  async #inStart(random: () => number) {
    const { child, started } = spawned(this.#folders);
    await pause(random() * (this.#spans.get('start') ?? 0));
    const killedAt = Date.now();
    await kill(child);
    await started;
    return { isHit: true, killedAt, sidecars: [] };
  }

  async #inSession(phase: Exclude<Phase, 'start' | 'migrate'>, random: () => number) {
    const session = await this.#start();
    let isEnded = false;
    if (isCall(phase)) {
      const call = await this.#call(phase, session.person, random);
      const spanMs = this.#spans.get(phase) ?? 0;
      const startedAt = performance.now();
      this.#spans.set(phase, spanMs * LATER_FACTOR);
      const running = call().then(() => {
        isEnded = true;
        this.#spans.set(phase, Math.min(spanMs, performance.now() - startedAt));
      });
      running.catch(() => {});
      await pause(random() * spanMs);
    } else await this.#talk(session, phase, random);
    const sidecars = session.app.sidecarPids();
    const killedAt = Date.now();
    const isHit = !isEnded;
    await session.app.kill('SIGKILL');
    session.close();
    return { isHit, killedAt, sidecars };
  }

  /** Brings the app to a random moment inside an answer. */
  async #talk(
    { app, client, person }: Session,
    phase: Exclude<Phase, Call | 'start' | 'migrate'>,
    random: () => number,
  ): Promise<void> {
    // A kill while it loaded counts as a crash of the load: the app asks before it tries again.
    const load = client.models.load({ id: this.#modelId, retryAfterCrash: true });
    load.catch(() => {});
    if (phase !== 'load') await load;
    const follower = await follow(client);
    const { assistantMessageId: messageId } = await person.send();
    this.#witness.streaming = { messageId, seen: follower.seen };
    if (phase === 'load') return pause(random() * 400);
    await follower.firstChunk;
    if (phase === 'stream') return pause(random() * 3_000);
    // Around the half-second write, give or take a frame.
    if (phase === 'flush') return pause(500 * (1 + Math.floor(random() * 4)) - 20 + random() * 40);
    await pause(random() * 1_000);
    if (phase === 'stop') {
      await client.conversations.stop({ messageId });
      return pause(random() * 30);
    }
    app.child.kill('SIGTERM');
    return pause(random() * 200);
  }

  #freshOldFolders() {
    const dataDir = this.#oldFolder('old');
    rmSync(dataDir, { recursive: true, force: true });
    cpSync(this.#oldFolder('template'), dataDir, { recursive: true });
    return { ...this.#folders, dataDir };
  }

  async #measureMigration(): Promise<void> {
    const folders = this.#freshOldFolders();
    const { started } = spawned(folders);
    await until(() => isBackingUp(folders.dataDir));
    const startedAt = performance.now();
    const app = await started;
    this.#spans.set('migrate', performance.now() - startedAt);
    await app?.stop();
  }

  /** Between the first byte of the backup and the end of the last migration. */
  async #inMigration(random: () => number): Promise<{ isHit: boolean; told: string }> {
    const folders = this.#freshOldFolders();
    const { child, started } = spawned(folders);
    await until(() => isBackingUp(folders.dataDir));
    await pause(random() * (this.#spans.get('migrate') ?? 0));
    await kill(child);
    await started;
    const version = checkOldHistory(folders.dataDir, this.#oldHash);
    const app = await startApp(folders);
    await app.stop();
    if (checkOldHistory(folders.dataDir, this.#oldHash) !== NEWEST)
      throw new Error('the next start does not finish the migration');
    return { isHit: version < NEWEST, told: `at version ${version} of ${OLDEST} to ${NEWEST}` };
  }
}

/** A start that may be killed: `started` is null then. */
function spawned(folders: ReturnType<typeof appFolders>) {
  let child: ChildProcess | null = null;
  const started = startApp(folders, { onSpawn: (spawnedChild) => (child = spawnedChild) }).catch(() => null);
  if (child === null) throw new Error('the app was not started');
  return { child: child as ChildProcess, started };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await gone;
}

async function until(isTrue: () => boolean): Promise<void> {
  const startedAt = performance.now();
  while (!isTrue()) {
    if (performance.now() - startedAt > START_MS) throw new Error('the start hangs');
    await turn();
  }
}

/** What a client sees of the answer that runs. */
async function follow(client: AppClient) {
  const seen: { at: number; length: number }[] = [];
  const stream = await client.system.events(undefined);
  let length = 0;
  let onFirst = () => {};
  const firstChunk = new Promise<void>((resolve) => (onFirst = resolve));
  void (async () => {
    for await (const event of stream) {
      if (event.type !== 'message.chunk') continue;
      length += event.text.length;
      seen.push({ at: Date.now(), length });
      onFirst();
    }
  })().catch(() => {});
  return { seen, firstChunk };
}
