import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { getLlama, type Llama, type LlamaContextSequence, type Token } from 'node-llama-cpp';
import { DEFAULT_SAMPLING, type GenerationStats } from '../../src-main/contract/index.ts';
import type { GenerateInput, LoadInput, Turn } from '../../src-main/engine/sidecar/contract.ts';
import { generate } from '../../src-main/engine/sidecar/generate.ts';
import { NativeLog } from '../../src-main/engine/sidecar/log.ts';
import { loadModel, type LoadedModel } from '../../src-main/engine/sidecar/model.ts';
import { Thinking } from '../../src-main/engine/sidecar/thinking.ts';
import type { ModelDims } from './gguf/llama-shape.ts';
import { SHAPES, writeRandomModel } from './gguf/random-model.ts';

/**
 * Whether a cache is right is not seen in the text: a random or a scripted model says the same with a wrong one.
 * It is seen in the probabilities of the next token, step by step, on a model whose every layer looks back.
 */

/** Steps that are compared. */
export const STEPS = 64;
/** The most that two ways to one context may differ at a step. Rounding in batches of another size stays at 1e-6. */
export const MAX_KL = 1e-4;

/** Some hundred tokens keep the table of a step small; which they are does not matter. */
const VOCABULARY = 512;

/** Grouped-query attention, and layers that see the last 64 tokens only. */
export const EXACT_SHAPES = {
  'grouped-query': { ...SHAPES.small, heads: 4, kvHeads: 2 },
  'sliding window': {
    ...SHAPES.gemma3,
    embedding: 256,
    blocks: 6,
    headDim: 64,
    feedForward: 512,
    contextLength: 4096,
    slidingWindow: 64,
  },
} satisfies Record<string, ModelDims>;

/** Next-token probabilities after one token. */
export type Step = ReadonlyMap<Token, number>;

/** Writes the model that caches are checked on. */
export function writeExactModel(path: string, shape: ModelDims) {
  return writeRandomModel(path, { shape, type: 'F32', vocabularySize: VOCABULARY });
}

/** The sidecar's own modules around a model, in this process. */
export class ExactEngine {
  readonly llama: Llama;
  readonly loaded: LoadedModel;

  constructor(llama: Llama, loaded: LoadedModel) {
    this.llama = llama;
    this.loaded = loaded;
  }

  static async load(
    file: { path: string; sizeBytes: number },
    settings: Partial<LoadInput> = {},
  ): Promise<ExactEngine> {
    const llama = await getLlama({ build: 'never', skipDownload: true, gpu: false });
    const loaded = await loadModel(
      llama,
      {
        path: file.path,
        sizeBytes: file.sizeBytes,
        contextSize: 2048,
        gpuLayers: null,
        threads: 1,
        flashAttention: 'auto',
        adapters: [],
        chatTemplate: null,
        speculation: 'auto',
        draft: null,
        batchTokens: null,
        liveChats: null,
        cacheType: 'f16',
        windowCache: 'window',
        measured: { threads: null, cacheDivergence: null },
        sequences: 3,
        ...settings,
      },
      { log: new NativeLog(), signal: new AbortController().signal, onProgress: () => {}, onStep: () => {} },
    );
    return new ExactEngine(llama, loaded);
  }

  /** Answers on the way that every answer takes; the sequence that it was given keeps what it has read and said. */
  async answer(
    turns: Turn[],
    options: {
      conversationId?: string;
      maxTokens?: number;
      savedState?: GenerateInput['savedState'];
      copyPath?: string;
      copyFrom?: string[];
    } = {},
  ): Promise<{ stats: GenerationStats; sequence: LlamaContextSequence; text: string; copiedBytes: number }> {
    const conversationId = options.conversationId ?? randomUUID();
    let stats: GenerationStats | null = null;
    let text = '';
    let copiedBytes = 0;
    const before = this.loaded.sequences.all.map((sequence) => sequence.tokenMeter.getState());
    await generate(
      {
        generationId: randomUUID(),
        conversationId,
        systemPrompt: '',
        turns,
        reasoning: { mode: 'auto', budgetTokens: null },
        sampling: { ...DEFAULT_SAMPLING, temperature: 0, maxTokens: options.maxTokens ?? 12 },
        ...(options.savedState ? { savedState: options.savedState } : {}),
        ...(options.copyPath === undefined ? {} : { copyPath: options.copyPath }),
        ...(options.copyFrom === undefined ? {} : { copyFrom: options.copyFrom }),
      },
      {
        loaded: this.loaded,
        backend: 'cpu',
        engineVersion: 'test',
        signal: new AbortController().signal,
        thinking: new Thinking({ mode: 'auto', budgetTokens: null }),
        emit(event) {
          if (event.type === 'chunk') text += event.text;
          if (event.type === 'copied') copiedBytes += event.bytes;
          if (event.type !== 'done') return;
          if (event.failure) throw new Error(`no answer: ${event.failure.code}`);
          stats = event.stats;
        },
      },
    );
    const used = this.loaded.sequences.all.findIndex((sequence, index) => {
      const start = before[index];
      return start !== undefined && sequence.tokenMeter.diff(start).usedOutputTokens > 0;
    });
    const sequence = this.loaded.sequences.all[used];
    if (!stats || !sequence) throw new Error('no answer');
    return { stats, sequence, text, copiedBytes };
  }

  /** An empty context of the same settings. */
  async fresh(): Promise<LlamaContextSequence> {
    const { context, model, tuning } = this.loaded;
    const plain = await model.createContext({
      contextSize: context.contextSize,
      threads: context.idealThreads,
      experimentalKvCacheKeyType: context.kvCacheKeyType,
      experimentalKvCacheValueType: context.kvCacheValueType,
      swaFullCache: tuning.fullWindow,
    });
    return plain.getSequence();
  }

  async close(): Promise<void> {
    await this.llama.dispose();
  }
}

/**
 * What the sequence holds, its last token apart, is taken as it is; from there the steps go on. Without `forced` the
 * likeliest token is taken at each.
 * @throws Error when the sequence holds nothing
 */
export async function stepsFrom(
  sequence: LlamaContextSequence,
  forced?: readonly Token[],
): Promise<{ tokens: Token[]; steps: Step[] }> {
  const held = sequence.contextTokens;
  const last = held.at(-1);
  if (last === undefined) throw new Error('an empty sequence');
  await sequence.adaptStateToTokens(held.slice(0, -1), false);
  // The top-k and top-p of a greedy sampler would hide the rest of the table.
  const options = { temperature: 0, topK: 0, topP: 1, minP: 0, yieldEogToken: true };
  const iterator = sequence.evaluateWithMetadata([last], { probabilities: true }, options);
  const tokens: Token[] = [];
  const steps: Step[] = [];
  let replacement: Token | undefined;
  while (steps.length < STEPS) {
    const { value, done } = await iterator.next(replacement);
    if (done) break;
    steps.push(value.probabilities);
    replacement = forced?.[tokens.length] ?? value.token;
    tokens.push(replacement);
  }
  await iterator.return();
  return { tokens, steps };
}

/** Reads `context` into an empty sequence in one go and follows the likeliest tokens. */
export async function referenceSteps(sequence: LlamaContextSequence, context: readonly Token[]) {
  await sequence.clearHistory();
  await sequence.evaluateWithoutGeneratingNewTokens([...context]);
  return stepsFrom(sequence);
}

/** Kullback-Leibler divergence of one table from another, in nats. */
export function divergence(from: Step, to: Step): number {
  let sum = 0;
  for (const [token, probability] of from) {
    if (probability <= 0) continue;
    sum += probability * Math.log(probability / Math.max(to.get(token) ?? 0, Number.MIN_VALUE));
  }
  return Math.max(0, sum);
}

/** The largest difference at any step. @throws Error when one has fewer than {@link STEPS} */
export function worstDivergence(left: readonly Step[], right: readonly Step[]): number {
  if (left.length !== STEPS || right.length !== STEPS)
    throw new Error(`${left.length} and ${right.length} steps`);
  return left.reduce((worst, step, index) => {
    const other = right[index];
    return other ? Math.max(worst, divergence(step, other)) : worst;
  }, 0);
}

/**
 * How far what a sequence says from now on is from what the same tokens say when they are read anew.
 * @param tested what it claims to hold is what the reference reads
 */
export async function distanceFromFresh(
  reference: LlamaContextSequence,
  tested: LlamaContextSequence,
): Promise<number> {
  const expected = await referenceSteps(reference, tested.contextTokens);
  const actual = await stepsFrom(tested, expected.tokens);
  return worstDivergence(expected.steps, actual.steps);
}

/** Magic, version and number of tokens (llama.cpp, llama_context::state_seq_save_file), each of 32 bits. */
const STATE_HEADER_BYTES = 12;
const TOKEN_BYTES = 4;

/**
 * Makes a state file claim other tokens than those whose cache it holds: the fault that every check of reuse is to
 * find. @throws RangeError unless there are as many
 */
export async function plantTokens(path: string, tokens: readonly Token[]): Promise<void> {
  const bytes = await readFile(path);
  const count = bytes.readUInt32LE(STATE_HEADER_BYTES - TOKEN_BYTES);
  if (count !== tokens.length) throw new RangeError(`${count} tokens, not ${tokens.length}`);
  tokens.forEach((token, index) => bytes.writeInt32LE(token, STATE_HEADER_BYTES + index * TOKEN_BYTES));
  await writeFile(path, bytes);
}
