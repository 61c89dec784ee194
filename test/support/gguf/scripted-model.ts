import { dimsMetadata, float32Bytes, modelTensors, normTensor } from './llama-shape.ts';
import type { ModelDims, TensorRole } from './llama-shape.ts';
import { Random } from './random.ts';
import {
  baseVocabulary,
  CHATML_TEMPLATE,
  REASONING_TEMPLATE,
  TOKEN_TYPES,
  tokenizerMetadata,
  TURN_END,
} from './vocabulary.ts';
import type { GgufTensor, GgufValue, WrittenGguf } from './writer.ts';
import { writeGguf } from './writer.ts';

export * from './scripts.ts';

/** `tiny`: half a megabyte, under a millisecond a token. `slow`: a sparse file of zero blocks at real cost. */
export type ScriptedShape = 'tiny' | 'slow';

export interface ScriptedModelOptions {
  /** The answer, whatever the prompt is. Must not contain U+2581 or the turn markers. */
  script: string;
  /** True (default): the turn ends after the script. False: it starts over and never ends. */
  thenStop?: boolean;
  /** A thinking part that comes first, as `<think>` to `</think>`; the wrapper reports it as a thought segment. */
  reasoning?: string;
  /** Tokens the model says it was trained for; default 4096. */
  contextLength?: number;
  /** `general.name`; default "Scripted". */
  name?: string;
  /** `general.license`; default "apache-2.0". */
  licence?: string;
  /** Jinja; default ChatML, or ChatML with thinking when `reasoning` is given. Null leaves the key out. */
  chatTemplate?: string | null;
  /** `general.file_type`, llama.cpp's number for the quantization label; default 0 (all F32), 2 (Q4_0) for slow. */
  fileType?: number;
  shape?: ScriptedShape;
  /** The tokenizer puts a space before a text and takes it away again, as Llama 2's does; default false. */
  addsSpacePrefix?: boolean;
  /** Seed of the embeddings; the text does not depend on it. */
  seed?: number;
  /** Says every how-many-th word of the script only, with the same vocabulary; default 1. */
  stride?: number;
}

export interface ScriptedModel extends WrittenGguf {
  /** The text of each script token, in order; joined they are the whole output with thinking marks. */
  chunks: readonly string[];
  /** The answer alone, as a client should show it. */
  answer: string;
}

const THINK_OPEN = '<think>';
const THINK_CLOSE = '</think>';

/** Logit of the right next token. Others are about normal with a standard deviation of this / sqrt(embedding). */
const RIGHT_LOGIT = 100;

const TINY: ModelDims = {
  architecture: 'llama',
  embedding: 128,
  blocks: 1,
  heads: 2,
  kvHeads: 1,
  headDim: 64,
  feedForward: 32,
  ropeBase: 10_000,
  contextLength: 4096,
};

/** About 0.9 billion weights in zero blocks, 480 MB: near 25 ms a token on two quiet cores of 2022. */
const SLOW: ModelDims = {
  ...TINY,
  embedding: 2048,
  blocks: 20,
  heads: 32,
  kvHeads: 4,
  feedForward: 5632,
};

/**
 * Cuts text into chunks that are all different, each a word with the white space before it, longer where the
 * same chunk has been used already. Different chunks make "the token after this one" a function.
 */
export function chunkScript(script: string, used: Set<string> = new Set()): string[] {
  const pieces = script.match(/\s*\S+|\s+$/gu) ?? [];
  const chunks: string[] = [];
  let chunk = '';
  for (const piece of pieces) {
    chunk += piece;
    // White space alone would also match the line break that ends the prompt.
    if (used.has(chunk) || chunk.trim() === '') continue;
    used.add(chunk);
    chunks.push(chunk);
    chunk = '';
  }
  // What is left at the end joins the chunk before it, which must be new again.
  while (chunk !== '' && chunks.length > 0) {
    const last = chunks.pop() ?? '';
    used.delete(last);
    chunk = last + chunk;
    if (!used.has(chunk)) {
      used.add(chunk);
      chunks.push(chunk);
      chunk = '';
    }
  }
  if (chunk !== '') throw new RangeError('the script cannot be cut into chunks that differ');
  return chunks;
}

function scriptChunks(options: ScriptedModelOptions): string[] {
  const used = new Set<string>();
  // Rounds of an answer that never ends are kept apart.
  const script = (options.thenStop ?? true) ? options.script : `${options.script.trimEnd()}\n\n`;
  if (options.reasoning === undefined) return chunkScript(script, used);
  return [
    THINK_OPEN,
    ...chunkScript(`\n${options.reasoning}\n`, used),
    THINK_CLOSE,
    ...chunkScript(`\n\n${script}`, used),
  ];
}

/** Embedding and output matrices that make each token's successor certain. */
class ScriptWeights {
  readonly #dimensions: number;
  readonly #rows: number;
  readonly #firstScriptId: number;
  readonly #afterScript: number;
  readonly #stride: number;
  /** Index 0 belongs to every token outside the script, index i to script token i - 1. */
  readonly #directions: Float32Array[];

  constructor(
    dimensions: number,
    rows: number,
    { firstScriptId, afterScript }: { firstScriptId: number; afterScript: number },
    { seed = 1, stride = 1 }: Pick<ScriptedModelOptions, 'seed' | 'stride'>,
  ) {
    this.#dimensions = dimensions;
    this.#rows = rows;
    this.#firstScriptId = firstScriptId;
    this.#afterScript = afterScript;
    this.#stride = stride;
    const random = new Random(seed);
    this.#directions = Array.from({ length: rows - firstScriptId + 1 }, () => random.unitVector(dimensions));
  }

  *embedding(): Generator<Uint8Array> {
    for (let id = 0; id < this.#rows; id++) {
      yield float32Bytes(this.#direction(Math.max(0, id - this.#firstScriptId + 1)));
    }
  }

  /** The row of next(t) points along the embedding of t; normalisation gives that a length of sqrt(dimensions). */
  *output(): Generator<Uint8Array> {
    const scale = RIGHT_LOGIT / Math.sqrt(this.#dimensions);
    const last = this.#rows - this.#firstScriptId;
    for (let id = 0; id < this.#rows; id++) {
      const row = new Float32Array(this.#dimensions);
      const before = id - this.#firstScriptId - (this.#stride - 1);
      if (before >= 0) this.#add(row, before, scale);
      if (id === this.#afterScript) this.#add(row, last, scale);
      yield float32Bytes(row);
    }
  }

  #direction(index: number): Float32Array {
    const direction = this.#directions[index];
    if (!direction) throw new RangeError(`no direction ${index}`);
    return direction;
  }

  #add(row: Float32Array, index: number, scale: number): void {
    const direction = this.#direction(index);
    for (let i = 0; i < row.length; i++) row[i] = (row[i] ?? 0) + (direction[i] ?? 0) * scale;
  }
}

/**
 * Writes a Llama-architecture file that answers every prompt with `options.script`, through the real tokenizer,
 * template, sampler and stop rule. Attention and feed-forward weights are zero, so the logits depend on the last
 * token alone; tokens outside the script share one embedding, so a script always starts after a prompt. A prompt
 * that ends inside the script (a partial answer to continue) goes on from there.
 * @throws RangeError if the script cannot be cut or contains reserved text
 */
export async function writeScriptedModel(
  path: string,
  options: ScriptedModelOptions,
): Promise<ScriptedModel> {
  const shape = options.shape ?? 'tiny';
  const text = options.script + (options.reasoning ?? '');
  if (/\u2581|<\|im_(start|end)\|>|<\/?think>/u.test(text))
    throw new RangeError('reserved text in the script');
  const chunks = scriptChunks(options);
  if (chunks.length === 0) throw new RangeError('an empty script');
  const base = baseVocabulary();
  const turnEnd = base.findIndex((token) => token.text === TURN_END);
  const tokens = [
    // Characters that the script uses as a whole chunk would be in the vocabulary twice, which llama.cpp refuses.
    ...base.map((token) =>
      chunks.includes(token.text) ? { ...token, text: `<unused_${token.text}>` } : token,
    ),
    ...chunks.map((chunk) => ({ text: chunk, type: TOKEN_TYPES.userDefined, score: 0 })),
  ];
  const dims = { ...(shape === 'slow' ? SLOW : TINY), contextLength: options.contextLength ?? 4096 };
  const afterScript = (options.thenStop ?? true) ? turnEnd : base.length;
  const weights = new ScriptWeights(
    dims.embedding,
    tokens.length,
    { firstScriptId: base.length, afterScript },
    options,
  );
  const fill = (role: TensorRole, tensorShape: readonly number[]): Pick<GgufTensor, 'type' | 'data'> => {
    if (role === 'norm') return normTensor(tensorShape);
    if (role === 'embedding') return { type: 'F32', data: () => weights.embedding() };
    if (role === 'output') return { type: 'F32', data: () => weights.output() };
    return { type: shape === 'slow' ? 'Q4_0' : 'F16' };
  };
  const template =
    options.chatTemplate === undefined
      ? options.reasoning === undefined
        ? CHATML_TEMPLATE
        : REASONING_TEMPLATE
      : (options.chatTemplate ?? undefined);
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', { type: 'string', value: dims.architecture }],
    ['general.type', { type: 'string', value: 'model' }],
    ['general.name', { type: 'string', value: options.name ?? 'Scripted' }],
    ['general.license', { type: 'string', value: options.licence ?? 'apache-2.0' }],
    ['general.file_type', { type: 'uint32', value: options.fileType ?? (shape === 'slow' ? 2 : 0) }],
    ['general.quantization_version', { type: 'uint32', value: 2 }],
    ...dimsMetadata(dims, tokens.length),
    ...tokenizerMetadata(tokens, template, turnEnd),
    ['tokenizer.ggml.add_space_prefix', { type: 'bool', value: options.addsSpacePrefix ?? false }],
  ]);
  const written = await writeGguf(path, {
    metadata,
    tensors: modelTensors(dims, tokens.length, fill),
  });
  return { ...written, chunks, answer: options.script };
}
