import { existsSync } from 'node:fs';
import { mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LoadRequest } from '../../../src-main/engine/api.ts';
import { MAX_GUESS_TOKENS } from '../../../src-main/engine/sidecar/guess-account.ts';
import { ask, chat, loadRequest, makeEngine, type EngineKit } from '../../integration/engine-kit.ts';
import { longScript, writeScriptedModel } from '../../support/gguf/scripted-model.ts';
import { LibraryProcess, libraryVersion } from '../library.ts';
import { arm, ratios } from '../row.ts';
import type { BenchRow, Figure, Round } from '../row.ts';
import { summarise } from '../stats.ts';

const ROUNDS = 7;
const TOKENS = 160;
const THREADS = 2;
const CONTEXT_SIZE = 2048;
const BATCH_TOKENS = 1 + MAX_GUESS_TOKENS;
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

/** Decode speed of one answer, tok/s. @throws Error when it said something else */
async function speedOf(kit: EngineKit, question: Question): Promise<number> {
  const { result, text } = await ask(kit.engine, chat(QUESTIONS[question]), { conversationId: question });
  const speed = result.stats?.tokensPerSecond;
  if (text !== SCRIPT || !speed)
    throw new Error(`another answer: ${result.error?.code ?? result.stopReason}`);
  return speed;
}

async function scriptedModel(folder: string): Promise<{ path: string; sizeBytes: number }> {
  const path = join(folder, 'models', `scripted-slow-${TOKENS}.gguf`);
  if (!existsSync(path)) {
    await mkdir(join(folder, 'models'), { recursive: true });
    await writeScriptedModel(`${path}.new`, { script: SCRIPT, shape: 'slow' });
    await rename(`${path}.new`, path);
  }
  return { path, sizeBytes: (await stat(path)).size };
}

async function engineWith(
  file: { path: string; sizeBytes: number },
  speculation: LoadRequest['speculation'],
): Promise<EngineKit> {
  const kit = await makeEngine();
  const settings = { contextSize: CONTEXT_SIZE, threads: THREADS, sequences: 3, speculation };
  await kit.engine.load(loadRequest(file, settings));
  // What is asked is read once; each round then only answers.
  for (const question of questions) await speedOf(kit, question);
  return kit;
}

const questions = Object.keys(QUESTIONS).filter((name): name is Question => name in QUESTIONS);

function figuresOf(measured: Round[]): Figure[] {
  const rate = (name: string) => ({ unit: 'tok/s', ...summarise(arm(measured, name)) });
  const ratio = (question: Question) => ratios(measured, `${question} guessed`, `${question} plain`);
  const ceilings = measured.map(
    ({ oneMs = Number.NaN, batchMs = Number.NaN }) => (BATCH_TOKENS * oneMs) / batchMs,
  );
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
  ];
}

/** Target: speculation by prompt lookup against the most that it could win, and what it costs where it wins nothing. */
export const row: BenchRow = {
  title: `Prompt lookup: ${TOKENS} tokens that are copied, against a batch of ${BATCH_TOKENS}; and text with nothing to copy`,
  async measure({ folder, rounds }) {
    const file = await scriptedModel(folder);
    const library = new LibraryProcess(1);
    const kits: EngineKit[] = [];
    try {
      await library.call({ name: 'load', modelPath: file.path, contextSize: CONTEXT_SIZE, threads: THREADS });
      const plain = await engineWith(file, 'off');
      kits.push(plain);
      const guessed = await engineWith(file, 'auto');
      kits.push(guessed);
      const conditions = {
        model: '0.9B Q4_0 of zero blocks that says a script',
        tokens: TOKENS,
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
        const batch = {
          name: 'batch' as const,
          size: BATCH_TOKENS,
          depth: 2 * TOKENS,
          repeats: BATCH_REPEATS,
        };
        arms.push(async () => void Object.assign(got, await library.call(batch)));
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
