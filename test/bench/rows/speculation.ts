import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LoadRequest } from '../../../src-main/engine/api.ts';
import { MAX_GUESS_TOKENS } from '../../../src-main/engine/sidecar/guess-account.ts';
import { MAX_DRAFT_TOKENS } from '../../../src-main/engine/sidecar/guesses.ts';
import { ask, chat, loadRequest, makeEngine, type EngineKit } from '../../integration/engine-kit.ts';
import {
  longScript,
  writeScriptedModel,
  type ScriptedModelOptions,
} from '../../support/gguf/scripted-model.ts';
import { AS_THE_APP, LibraryProcess, libraryVersion } from '../library.ts';
import { arm, ratios } from '../row.ts';
import type { BenchRow, Figure, Round } from '../row.ts';
import { summarise } from '../stats.ts';

const ROUNDS = 7;
const TOKENS = 160;
const THREADS = 2;
const CONTEXT_SIZE = 2048;
const BATCH_TOKENS = 1 + MAX_GUESS_TOKENS;
const DRAFT_BATCH_TOKENS = 1 + MAX_DRAFT_TOKENS;
/** Of each pair of a token and a batch in a round. */
const BATCH_REPEATS = 5;

/** What the model says, whatever it is asked: a word a token. */
const SCRIPT = longScript(TOKENS);
const WORDS = SCRIPT.match(/\S+/g) ?? [];

const QUESTIONS = {
  /** Everything that it will say stands here. */
  copy: `Say this again: ${SCRIPT}`,
  /** Every three words that it will say stand here, with another word after them: each guess is wrong. */
  misleading: WORDS.slice(2)
    .map((word, index) => `${WORDS[index]} ${WORDS[index + 1]} ${word} so`)
    .join(' '),
  /** Nothing of it. */
  fresh: 'Tell me something.',
};
type Question = keyof typeof QUESTIONS;
/** What only a draft model can guess. */
const DRAFT_QUESTIONS: readonly Question[] = ['fresh'];

/** Decode speed of one answer, tok/s. @throws Error when it said something else */
async function speedOf(kit: EngineKit, question: Question): Promise<number> {
  const { result, text } = await ask(kit.engine, chat(QUESTIONS[question]), { conversationId: question });
  const speed = result.stats?.tokensPerSecond;
  if (text !== SCRIPT || !speed)
    throw new Error(`another answer: ${result.error?.code ?? result.stopReason}`);
  return speed;
}

type ModelFile = { path: string; sizeBytes: number };

async function scriptedModel(
  folder: string,
  name: string,
  options: Omit<ScriptedModelOptions, 'script'>,
): Promise<ModelFile> {
  const path = join(folder, 'models', `${name}-${TOKENS}.gguf`);
  if (!existsSync(path)) {
    await mkdir(join(folder, 'models'), { recursive: true });
    await writeScriptedModel(`${path}.new`, { script: SCRIPT, ...options });
    await rename(`${path}.new`, path);
  }
  return { path, sizeBytes: (await stat(path)).size };
}

async function engineWith(
  file: ModelFile,
  { speculation, draftFile }: { speculation: LoadRequest['speculation']; draftFile?: ModelFile },
): Promise<EngineKit> {
  const kit = await makeEngine();
  const draft = draftFile ? { modelId: randomUUID(), ...draftFile, fileState: '' } : null;
  const settings = { contextSize: CONTEXT_SIZE, threads: THREADS, sequences: 3, speculation, draft };
  await kit.engine.load(loadRequest(file, settings));
  // What is asked is read once; each round then only answers.
  for (const question of draftFile ? DRAFT_QUESTIONS : questions) await speedOf(kit, question);
  return kit;
}

const questions = Object.keys(QUESTIONS).filter((name): name is Question => name in QUESTIONS);

function figuresOf(measured: Round[]): Figure[] {
  const rate = (name: string) => ({ unit: 'tok/s', ...summarise(arm(measured, name)) });
  const ratio = (question: Question) => ratios(measured, `${question} guessed`, `${question} plain`);
  const ceilings = measured.map(
    ({ oneMs = Number.NaN, batchMs = Number.NaN }) => (BATCH_TOKENS * oneMs) / batchMs,
  );
  const drafted = (name: 'right' | 'wrong') => ratios(measured, `draft ${name}`, 'fresh plain');
  const draftCeilings = measured.map(
    ({ oneMs = Number.NaN, draftBatchMs = Number.NaN }) => (DRAFT_BATCH_TOKENS * oneMs) / draftBatchMs,
  );
  const ofDraftCeiling = drafted('right').map((won, index) => won / (draftCeilings[index] ?? Number.NaN));
  const ofCeiling = ratio('copy').map((won, index) => won / (ceilings[index] ?? Number.NaN));
  return [
    ...questions.flatMap((question) => [
      { name: `${question}, plain`, ...rate(`${question} plain`) },
      { name: `${question}, with guesses`, ...rate(`${question} guessed`) },
    ]),
    { name: `ceiling: a batch of ${BATCH_TOKENS} / one token`, unit: 'ratio', ...summarise(ceilings) },
    { name: 'copy: with guesses / plain', unit: 'ratio', ...summarise(ratio('copy')) },
    {
      name: 'copy: of the ceiling',
      unit: 'ratio',
      ...summarise(ofCeiling),
      target: { atLeast: 0.8 },
    },
    {
      name: 'every guess wrong: with guesses / plain',
      unit: 'ratio',
      ...summarise(ratio('misleading')),
      target: { atLeast: 0.97 },
    },
    {
      name: 'nothing to copy: with guesses / plain',
      unit: 'ratio',
      ...summarise(ratio('fresh')),
      target: { atLeast: 0.97 },
    },
    { name: 'a draft that is right / plain', unit: 'ratio', ...summarise(drafted('right')) },
    {
      name: `a draft that is right: of the ceiling, a batch of ${DRAFT_BATCH_TOKENS}`,
      unit: 'ratio',
      ...summarise(ofDraftCeiling),
    },
    {
      name: 'a draft that is wrong / plain',
      unit: 'ratio',
      ...summarise(drafted('wrong')),
      target: { atLeast: 0.97 },
    },
  ];
}

/** Target: speculation by prompt lookup, and by a draft model, against the most that it could win, and what it costs where it wins nothing. */
export const row: BenchRow = {
  title: `Prompt lookup: ${TOKENS} tokens that are copied, against a batch of ${BATCH_TOKENS}; and text with nothing to copy`,
  async measure({ folder, rounds }) {
    const file = await scriptedModel(folder, 'scripted-slow', { shape: 'slow' });
    const drafts = {
      right: await scriptedModel(folder, 'draft-right', { seed: 2 }),
      wrong: await scriptedModel(folder, 'draft-wrong', { seed: 2, stride: 2 }),
    };
    const library = new LibraryProcess(AS_THE_APP);
    const kits: EngineKit[] = [];
    try {
      await library.call({ name: 'load', modelPath: file.path, contextSize: CONTEXT_SIZE, threads: THREADS });
      const start = async (options: Parameters<typeof engineWith>[1]): Promise<EngineKit> => {
        const kit = await engineWith(file, options);
        kits.push(kit);
        return kit;
      };
      const plain = await start({ speculation: 'off' });
      const guessed = await start({ speculation: 'auto' });
      const rightDraft = await start({ speculation: 'auto', draftFile: drafts.right });
      const wrongDraft = await start({ speculation: 'auto', draftFile: drafts.wrong });
      const conditions = {
        model: '0.9B Q4_0 of zero blocks that says a script',
        tokens: TOKENS,
        draft: 'half a megabyte that says the same, or every second word',
        threads: THREADS,
        contextSize: CONTEXT_SIZE,
        library: libraryVersion(),
        node: process.versions.node,
      };
      const measured = await rounds(ROUNDS, conditions, async (round) => {
        const got: Record<string, number> = {};
        const arms = questions.flatMap((question) => [
          async () => void (got[`${question} plain`] = await speedOf(plain, question)),
          async () => void (got[`${question} guessed`] = await speedOf(guessed, question)),
        ]);
        for (const [name, kit] of Object.entries({ right: rightDraft, wrong: wrongDraft }))
          arms.push(async () => void (got[`draft ${name}`] = await speedOf(kit, 'fresh')));
        const batchOf = (size: number) =>
          library.call({ name: 'batch', size, depth: 2 * TOKENS, repeats: BATCH_REPEATS });
        arms.push(async () => void Object.assign(got, await batchOf(BATCH_TOKENS)));
        arms.push(async () => {
          const { batchMs } = await batchOf(DRAFT_BATCH_TOKENS);
          got['draftBatchMs'] = batchMs ?? Number.NaN;
        });
        for (const index of arms.keys()) await arms[(index + round) % arms.length]?.();
        return got;
      });
      return { conditions, figures: figuresOf(measured) };
    } finally {
      for (const kit of kits) await kit.close();
      await library.close();
    }
  },
};
