import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_SAMPLING } from '../../../src-main/contract/index.ts';
import type { ChatTurn, Engine, GenerationResult, LoadRequest } from '../../../src-main/engine/api.ts';
import { createEngine } from '../../../src-main/engine/engine.ts';
import { entries } from '../../../src-main/entries.ts';
import { DEFAULT_SETTINGS } from '../../../src-main/settings/defaults.ts';
import { keepingEngine } from '../../../src-main/state-cache/keeping-engine.ts';
import { STATES_FOLDER, StateCache } from '../../../src-main/state-cache/state-cache.ts';
import { readRecord } from '../../../src-main/state-cache/state-file.ts';
import { loadRequest } from '../../integration/engine-kit.ts';
import { Random } from '../../support/gguf/random.ts';
import { plainScript, writeScriptedModel } from '../../support/gguf/scripted-model.ts';
import { brokenState, forgedState, type WholeState } from '../../support/state-mutations.ts';
import { partSeed, type SoakContext, type SoakResult } from '../soak.ts';

export const name = 'states';
export const defaultCount = 2_000;

/** Every so many rounds the file is whole, which must be read, */
const WHOLE_EVERY = 50;
/** or its data was wrong before it was sealed, which no checksum tells. */
const FORGED_EVERY = 10;
const CHAT = 'chat';
const QUESTION: ChatTurn[] = [{ role: 'user', text: 'the words that are read '.repeat(60) }];

interface Progress {
  done: number;
  failures: string[];
  outcomes: Record<string, number>;
}

interface Bench {
  engine: Engine;
  folder: string;
  model: LoadRequest;
  state: WholeState;
}

function cacheIn(dataDir: string, engine: Engine): StateCache {
  return new StateCache({
    engine,
    store: {
      conversations: { head: async () => ({ temporary: false }) },
    } as unknown as ConstructorParameters<typeof StateCache>[0]['store'],
    settings: { get: () => DEFAULT_SETTINGS, onChange: () => () => {} },
    dataDir,
    log: () => {},
    worthMs: 0,
  });
}

async function ask(engine: Engine, conversationId: string, turns: ChatTurn[]) {
  let text = '';
  const result = await engine.generate(
    {
      generationId: crypto.randomUUID(),
      conversationId,
      systemPrompt: '',
      turns,
      sampling: { ...DEFAULT_SAMPLING, temperature: 0 },
    },
    {
      signal: new AbortController().signal,
      onEvent: (event) => void (text += event.type === 'chunk' && event.kind === 'answer' ? event.text : ''),
    },
  );
  return { text, result };
}

/** A saved state of the question, by the model that is loaded. */
async function makeState(engine: Engine, dataDir: string) {
  const cache = cacheIn(dataDir, engine);
  await ask(keepingEngine(engine, cache), CHAT, QUESTION);
  await cache.quit();
  const folder = join(dataDir, STATES_FOLDER);
  const file = (await readdir(folder)).find((entry) => entry.endsWith('.state')) ?? '';
  const record = await readRecord(join(folder, file));
  if (!record) throw new Error('no state was saved');
  return { record, bytes: await readFile(join(folder, file)) };
}

async function setUp(folder: string): Promise<Bench> {
  const engine = createEngine({
    sidecarPath: entries.sidecar,
    nodeBinary: process.execPath,
    tempDir: folder,
    log: () => {},
  });
  try {
    const settings = { contextSize: 2048, sequences: 1 };
    const script = { script: plainScript };
    const [own, other] = [
      await writeScriptedModel(join(folder, 'own.gguf'), script),
      await writeScriptedModel(join(folder, 'other.gguf'), { ...script, seed: 99 }),
    ];
    await engine.load(loadRequest(other, settings));
    const theirs = await makeState(engine, join(folder, 'theirs'));
    const model = loadRequest(own, settings);
    await engine.load(model);
    const mine = await makeState(engine, join(folder, 'mine'));
    return { engine, folder, model, state: { ...mine, other: theirs.bytes } };
  } catch (error) {
    await engine.dispose();
    throw error;
  }
}

function fileOf({ state }: Bench, index: number, random: Random): { kind: string; bytes: Buffer } {
  if (index % WHOLE_EVERY === 0) return { kind: 'whole', bytes: state.bytes };
  return index % FORGED_EVERY === 1 ? forgedState(state, random) : brokenState(state, random);
}

/** What an answer may be: the right one, or for data that no checksum can tell one that failed with the engine. */
function outcomeOf(
  kind: string,
  { text, result }: { text: string; result: GenerationResult },
): string | null {
  if (result.error?.code === 'engine_crashed') return kind.startsWith('forged') ? 'crashed' : null;
  if (result.error || text !== plainScript) return null;
  const from = result.stats?.reusedFrom === 'disk' ? 'read' : 'passed over';
  if (kind === 'whole') return from === 'read' ? from : null;
  return from === 'read' && !kind.startsWith('forged') ? null : from;
}

/** One file as an app finds it at its start: the answer is right, or the next one is. */
async function round(bench: Bench, index: number, progress: Progress, seed: number): Promise<void> {
  const { engine, folder, model, state } = bench;
  const { kind, bytes } = fileOf(bench, index, new Random(partSeed(seed, index)));
  const dataDir = join(folder, `round-${index}`);
  await mkdir(join(dataDir, STATES_FOLDER), { recursive: true });
  await writeFile(join(dataDir, STATES_FOLDER, `${state.record.id}.state`), bytes);
  const cache = cacheIn(dataDir, engine);
  const keeping = keepingEngine(engine, cache);
  // Another chat has the only place in the memory.
  await ask(engine, 'other', [{ role: 'user', text: 'Hello' }]);
  const turns: ChatTurn[] = [
    ...QUESTION,
    { role: 'assistant', text: plainScript },
    { role: 'user', text: 'On' },
  ];
  const outcome = outcomeOf(kind, await ask(keeping, CHAT, turns));
  if (outcome === null) progress.failures.push(`round ${index}, ${kind}: the answer was wrong`);
  if (outcome === 'crashed') {
    await engine.restart();
    await engine.load(model);
    const { result, text } = await ask(keeping, CHAT, turns);
    if (result.error || text !== plainScript) progress.failures.push(`round ${index}, ${kind}: and again`);
  }
  const key = `${kind}: ${outcome ?? 'wrong'}`;
  progress.outcomes[key] = (progress.outcomes[key] ?? 0) + 1;
  await cache.quit();
  await rm(dataDir, { recursive: true, force: true });
}

/** Broken files of saved states: the app stays up and answers, at most after a restart of the engine. */
export async function run(context: SoakContext): Promise<SoakResult> {
  const progress = (context.saved ?? { done: 0, failures: [], outcomes: {} }) as Progress;
  const folder = await mkdtemp(join(tmpdir(), 'leeward-soak-states-'));
  try {
    const bench = await setUp(folder);
    try {
      while (progress.done < context.count && Date.now() < context.deadline) {
        await round(bench, progress.done, progress, context.seed);
        progress.done += 1;
        if (progress.done % 100 === 0) context.log(`${progress.done} files`);
        context.save(progress);
      }
    } finally {
      await bench.engine.dispose();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { done: progress.done, failures: progress.failures, figures: { outcomes: progress.outcomes } };
}
