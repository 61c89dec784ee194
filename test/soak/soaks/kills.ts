import Database from 'better-sqlite3';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AppClient } from '../../../src-main/contract/index.ts';
import { appFolders, startApp, waitUntilGone, type AppProcess } from '../../support/app-process.ts';
import { plainScript, writeScriptedModel } from '../../support/gguf/scripted-model.ts';
import { Random } from '../../support/gguf/random.ts';
import { connectSocket } from '../../support/socket-client.ts';
import { partSeed, type SoakContext, type SoakResult } from '../soak.ts';

/** Where in the life of the app the kill falls; drawn in turn so that each gets its share. */
const phases = ['start', 'send', 'load', 'stream', 'flush', 'stop', 'quit'] as const;
type Phase = (typeof phases)[number];
/** Each phase is hit at least this often in a full run, or the run says nothing. */
const MIN_HITS = 5;
/** A partial answer on disk may be this much behind what a client had seen. */
const MAX_BEHIND_MS = 1_000;
const SIDECAR_GONE_MS = 2_000;

/** What the clients were told before a kill. */
interface Witness {
  /** Text of every user message whose send was acknowledged. */
  acknowledged: string[];
  /** The answer that ran, and what had been seen of it by when. */
  streaming: { messageId: string; seen: { at: number; length: number }[] } | null;
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export const name = 'kills';
export const defaultCount = 50;

/**
 * Kills the whole app (SIGKILL) at random moments, over one data folder that lives on. After each kill: the
 * sidecar is gone within 2 s, the database passes its check, every acknowledged message is there, and the
 * partial answer is at most a second short.
 */
export async function run({ count, seed, log, deadline }: SoakContext): Promise<SoakResult> {
  const folders = appFolders();
  await writeScriptedModel(join(folders.modelsDir, 'talker.gguf'), {
    script: plainScript,
    thenStop: false,
    shape: 'slow',
  });
  const witness: Witness = { acknowledged: [], streaming: null };
  const hits = Object.fromEntries(phases.map((phase) => [phase, 0])) as Record<Phase, number>;
  const failures: string[] = [];
  let worstBehindMs = 0;
  let worstSidecarMs = 0;
  let done = 0;
  try {
    await prepare(folders);
    for (; done < count && failures.length === 0 && Date.now() < deadline; done += 1) {
      const phase = phases[done % phases.length] ?? 'stream';
      hits[phase] += 1;
      const random = new Random(partSeed(seed, done));
      try {
        const { killedAt, sidecarMs } = await killOnce(folders, phase, () => random.uniform(), witness, done);
        const behindMs = check(folders.dataDir, witness, killedAt);
        worstSidecarMs = Math.max(worstSidecarMs, sidecarMs);
        worstBehindMs = Math.max(worstBehindMs, behindMs);
        log(
          `${phase}: sidecar gone after ${sidecarMs.toFixed(0)} ms, answer ${behindMs.toFixed(0)} ms behind`,
        );
      } catch (error) {
        failures.push(
          `kill ${done + 1}, ${phase}: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    }
    if (done >= phases.length * MIN_HITS && phases.some((phase) => hits[phase] < MIN_HITS)) {
      failures.push(`too few hits in a phase: ${JSON.stringify(hits)}`);
    }
    const figures = { hits, messages: witness.acknowledged.length, worstBehindMs, worstSidecarMs };
    return { done, failures, figures };
  } finally {
    rmSync(folders.root, { recursive: true, force: true });
  }
}

/** Adds the model once, so that each round only talks. */
async function prepare(folders: ReturnType<typeof appFolders>): Promise<void> {
  const app = await startApp(folders);
  const { client, close } = await connectSocket(app.url);
  const [file] = await client.models.files();
  if (!file) throw new Error('the model file is not seen');
  await client.models.add({ fileId: file.fileId });
  close();
  await app.stop();
}

async function killOnce(
  folders: ReturnType<typeof appFolders>,
  phase: Phase,
  random: () => number,
  witness: Witness,
  round: number,
): Promise<{ killedAt: number; sidecarMs: number }> {
  witness.streaming = null;
  const app = await startApp(folders);
  if (phase === 'start') await pause(random() * 300);
  else {
    const { client, close } = await connectSocket(app.url);
    await talk(app, client, phase, random, witness, round);
    const sidecars = app.sidecarPids();
    const killedAt = Date.now();
    await app.kill('SIGKILL');
    close();
    return { killedAt, sidecarMs: await sidecarEnd(sidecars) };
  }
  const sidecars = app.sidecarPids();
  const killedAt = Date.now();
  await app.kill('SIGKILL');
  return { killedAt, sidecarMs: await sidecarEnd(sidecars) };
}

async function sidecarEnd(pids: readonly number[]): Promise<number> {
  const took = await waitUntilGone(pids, SIDECAR_GONE_MS);
  if (took === null) throw new Error(`a sidecar lived on ${SIDECAR_GONE_MS} ms after the app was killed`);
  return took;
}

/** Brings the app to a random moment inside `phase`. */
async function talk(
  app: AppProcess,
  client: AppClient,
  phase: Phase,
  random: () => number,
  witness: Witness,
  round: number,
): Promise<void> {
  const [model] = await client.models.list();
  if (!model) throw new Error('the model left the list');
  // A kill while it loaded counts as a crash of the load: the app asks before it tries again.
  const load = client.models.load({ id: model.id, retryAfterCrash: true });
  load.catch(() => {});
  if (phase !== 'load') await load;
  const text = `message ${round} of seed`;
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
  const sending = client.conversations
    .send({
      requestId: crypto.randomUUID(),
      conversationId: null,
      parentId: null,
      text,
      modelId: model.id,
    })
    .then((sent) => {
      witness.acknowledged.push(text);
      witness.streaming = { messageId: sent.assistantMessageId, seen };
      return sent;
    });
  sending.catch(() => {});
  if (phase === 'send') return pause(random() * 15);
  const sent = await sending;
  if (phase === 'load') return pause(random() * 400);
  await firstChunk;
  if (phase === 'stream') return pause(random() * 3_000);
  // Around the half-second write, give or take a frame.
  if (phase === 'flush') return pause(500 * (1 + Math.floor(random() * 4)) - 20 + random() * 40);
  await pause(random() * 1_000);
  if (phase === 'stop') {
    await client.conversations.stop({ messageId: sent.assistantMessageId });
    return pause(random() * 30);
  }
  app.child.kill('SIGTERM');
  return pause(random() * 200);
}

/**
 * Opens a copy of the database as the kill left it (the app must do its own recovery at its next start);
 * returns how far the partial answer is behind, in ms.
 */
function check(dataDir: string, witness: Witness, killedAt: number): number {
  const scratch = mkdtempSync(join(tmpdir(), 'leeward-check-'));
  for (const file of ['leeward.db', 'leeward.db-wal']) {
    if (existsSync(join(dataDir, file))) copyFileSync(join(dataDir, file), join(scratch, file));
  }
  const db = new Database(join(scratch, 'leeward.db'));
  try {
    const integrity = db.pragma('integrity_check', { simple: true });
    if (integrity !== 'ok') throw new Error(`integrity_check: ${String(integrity)}`);
    const stored = new Set(db.prepare("SELECT text FROM messages WHERE role = 'user'").pluck().all());
    const lost = witness.acknowledged.filter((text) => !stored.has(text));
    if (lost.length > 0) throw new Error(`${lost.length} acknowledged messages are lost`);
    if (!witness.streaming) return 0;
    const { messageId, seen } = witness.streaming;
    const kept = String(
      db.prepare('SELECT text FROM messages WHERE id = ?').pluck().get(messageId) ?? '',
    ).length;
    const firstMissing = seen.find((entry) => entry.length > kept);
    const behindMs = firstMissing ? killedAt - firstMissing.at : 0;
    if (behindMs > MAX_BEHIND_MS) throw new Error(`the partial answer is ${behindMs} ms behind`);
    return behindMs;
  } finally {
    db.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}
