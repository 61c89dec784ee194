import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { AppClient } from '../../../src-main/contract/index.ts';
import { median } from '../../bench/stats.ts';
import { appFolders, KEEPING, startApp } from '../../support/app-process.ts';
import { readGauges, type Gauges } from '../../support/generations/gauges.ts';
import { Talker, WAYS, type Way } from '../../support/generations/talker.ts';
import { Random } from '../../support/gguf/random.ts';
import { plainScript, writeScriptedModel } from '../../support/gguf/scripted-model.ts';
import { connectSocket } from '../../support/socket-client.ts';
import { partSeed, type SoakContext, type SoakResult } from '../soak.ts';

/** So small that states are evicted all the time: a state of these chats has 20 to 300 KB. */
const CAP_BYTES = 1024 * 1024;
/** Looks at the processes in one life of the app. */
const LOOKS = 200;
/** Memory may differ so much between the second tenth of a life and its last. */
const FLAT_SHARE = 0.1;
/** Draws the answer that comes before all that are counted. */
const BEFORE_ALL = -2;
/** In fewer answers the compiler and the collector of V8 have not come to rest: what is told then is no verdict. */
const MIN_LIFE = 2_000;

/** One life of the app, from a start to a stop. */
interface Life {
  answers: number;
  answersPerSecond: number;
  /** Of the second tenth of its answers and of the last one, and the last through the second: medians of memory, */
  appMemory: Change;
  engineMemory: Change;
  /** the same with its part of what it shares with every other Node that runs, which others change, */
  appPss: Change;
  enginePss: Change;
  /** and the fewest handles: a state may be open while it is looked at. */
  appHandles: Change;
  engineHandles: Change;
  worstStateBytes: number;
  worstStates: number;
  evictedBytes: number;
  rows: Gauges['rows'];
}

interface Change {
  early: number;
  late: number;
  ratio: number;
}

interface Progress {
  done: number;
  deletedChats: number;
  ways: Record<Way, number>;
  lives: Life[];
  failures: string[];
}

export const name = 'generations';
export const defaultCount = 10_000;

const nothingDone = (): Progress => ({
  done: 0,
  deletedChats: 0,
  ways: { new: 0, temporary: 0, 'follow-up': 0, again: 0, edit: 0, branch: 0, ahead: 0, stop: 0 },
  lives: [],
  failures: [],
});

const isProgress = (value: unknown): value is Progress =>
  typeof value === 'object' && value !== null && 'lives' in value && 'ways' in value;

/**
 * Many answers in one life of the app: random chats, follow-ups, other answers, edits, branches, stops and deletes,
 * with states of chats that come and go on the disk. The memory of both processes stays as it was after the first
 * tenth, no file stays open, the states keep within their cap, and each answer is what the model says. A run that goes
 * on is another life of the app, on folders of its own; each is judged by itself.
 */
export async function run({ count, seed, log, deadline, saved, save }: SoakContext): Promise<SoakResult> {
  const progress = isProgress(saved) ? saved : nothingDone();
  try {
    await oneLife(progress, { count, seed, log, deadline });
  } catch (error) {
    progress.failures.push(
      `answer ${progress.done + 1}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const { done, failures, ...figures } = progress;
  if (failures.length === 0 && done < count) save(progress);
  const isJudged = progress.lives.some(({ answers }) => answers >= MIN_LIFE);
  if (done >= count && count >= MIN_LIFE && !isJudged)
    failures.push(`no run of it had ${MIN_LIFE} answers: it says nothing of memory`);
  const missed = count >= MIN_LIFE ? WAYS.filter((way) => done >= count && progress.ways[way] === 0) : [];
  return { done, failures: [...failures, ...missed.map((way) => `never: ${way}`)], figures };
}

type Plan = Pick<SoakContext, 'count' | 'seed' | 'log' | 'deadline'>;

async function oneLife(progress: Progress, { count, seed, log, deadline }: Plan): Promise<void> {
  const folders = appFolders();
  await writeScriptedModel(join(folders.modelsDir, 'talker.gguf'), { script: plainScript });
  const app = await startApp(folders, { program: KEEPING });
  try {
    const { client, close } = await connectSocket(app.url);
    const [file] = await client.models.files();
    if (!file) throw new Error('the model file is not seen');
    const { id: modelId } = await client.models.add({ fileId: file.fileId });
    await client.settings.update({ savedStatesMaxBytes: CAP_BYTES, titlesByModel: false, readAhead: true });
    await client.models.load({ id: modelId });
    const [sidecarPid] = app.sidecarPids();
    if (sidecarPid === undefined) throw new Error('the engine has no process');
    const talker = new Talker(client, modelId, plainScript);
    await talker.listen();
    await backUpOnce(client, talker, seed);

    const startedAt = performance.now();
    const before = progress.done;
    const everyOther = Math.max(1, Math.floor((count - before) / LOOKS));
    const looks: Gauges[] = [];
    while (progress.done < count && Date.now() < deadline) {
      const way = await talker.one(new Random(partSeed(seed, progress.done)));
      progress.ways[way] += 1;
      progress.done += 1;
      if (progress.done % everyOther !== 0) continue;
      const look = readGauges({ at: progress.done, pid: app.pid, sidecarPid, dataDir: folders.dataDir });
      looks.push(look);
      if (look.states.bytes > CAP_BYTES)
        throw new Error(`the states have ${look.states.bytes} bytes, over their cap of ${CAP_BYTES}`);
      if (looks.length % (LOOKS / 10) === 0) log(told(look));
    }
    progress.deletedChats += talker.deleted.chats;
    const info = await client.savedStates.info();
    const answers = progress.done - before;
    const life = judge(looks, {
      answers,
      seconds: (performance.now() - startedAt) / 1_000,
      writtenBytes: info.writtenTodayBytes,
    });
    progress.lives.push(life);
    if (answers >= MIN_LIFE) progress.failures.push(...faultsOf(life));
    close();
    await app.stop();
  } finally {
    await app.dispose();
    rmSync(folders.root, { recursive: true, force: true });
  }
}

/**
 * The day's backup, which the app would make after a minute, beside a chat that there is for its sake. It reads the
 * database on a connection of its own; where a process has closed one of two, SQLite keeps its file open for the next
 * one, for closing it would end the locks of the other: one handle, for good, and none of what is counted here.
 */
async function backUpOnce(client: AppClient, talker: Talker, seed: number): Promise<void> {
  await talker.one(new Random(partSeed(seed, BEFORE_ALL)));
  await client.backups.make();
}

const megabytes = (bytes: number) => (bytes / 1024 / 1024).toFixed(1);

function told({ at, app, engine, states, rows }: Gauges): string {
  return (
    `${at} answers: app ${megabytes(app.anonymousBytes)} MB and ${app.handles} handles, ` +
    `engine ${megabytes(engine.anonymousBytes)} MB and ${engine.handles}, ` +
    `${states.count} states of ${megabytes(states.bytes)} MB, ` +
    `${rows.conversations} chats, ${rows.messages} messages`
  );
}

function judge(
  looks: readonly Gauges[],
  run: { answers: number; seconds: number; writtenBytes: number },
): Life {
  const last = looks.at(-1);
  if (!last) throw new Error('too few answers to look at anything');
  const tenth = Math.max(1, Math.floor(looks.length / 10));
  const change = (of: (look: Gauges) => number, sum = median): Change => {
    const early = sum(looks.slice(tenth, 2 * tenth).map(of));
    const late = sum(looks.slice(-tenth).map(of));
    return { early, late, ratio: late / early };
  };
  const fewest = (counts: readonly number[]) => Math.min(...counts);
  return {
    answers: run.answers,
    answersPerSecond: run.answers / run.seconds,
    appMemory: change(({ app }) => app.anonymousBytes),
    engineMemory: change(({ engine }) => engine.anonymousBytes),
    appPss: change(({ app }) => app.pssBytes),
    enginePss: change(({ engine }) => engine.pssBytes),
    appHandles: change(({ app }) => app.handles, fewest),
    engineHandles: change(({ engine }) => engine.handles, fewest),
    worstStateBytes: Math.max(...looks.map(({ states }) => states.bytes)),
    worstStates: Math.max(...looks.map(({ states }) => states.count)),
    evictedBytes: run.writtenBytes - last.states.bytes,
    rows: last.rows,
  };
}

function faultsOf({ appMemory, engineMemory, appHandles, engineHandles, evictedBytes }: Life): string[] {
  const grown = (what: string, { early, late, ratio }: Change) =>
    ratio <= 1 + FLAT_SHARE
      ? []
      : [`the memory of the ${what} grew from ${megabytes(early)} to ${megabytes(late)} MB`];
  const open = (what: string, { early, late }: Change) =>
    late <= early ? [] : [`the ${what} has ${late} handles, ${early} before`];
  return [
    ...grown('app', appMemory),
    ...grown('engine', engineMemory),
    ...open('app', appHandles),
    ...open('engine', engineHandles),
    ...(evictedBytes > 0 ? [] : ['no state was ever evicted']),
  ];
}
