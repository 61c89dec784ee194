import { gguf } from '@huggingface/gguf';
import { dimsMetadata, modelTensors, normTensor } from './llama-shape.ts';
import type { ModelDims, TensorRole } from './llama-shape.ts';
import { RandomBlocks } from './random-blocks.ts';
import { Random } from './random.ts';
import {
  baseVocabulary,
  CHATML_TEMPLATE,
  TOKEN_TYPES,
  tokenizerMetadata,
  TURN_END,
  TURN_START,
} from './vocabulary.ts';
import type { VocabularyToken } from './vocabulary.ts';
import type { GgufTensor, GgufValue, TensorType, WrittenGguf } from './writer.ts';
import { TENSOR_TYPES, writeGguf } from './writer.ts';

export type RandomShape = '150M' | '1.1B' | 'mistral-7b' | 'gemma3' | 'small';
export type RandomType = 'F32' | 'Q4_0' | 'Q8_0';

export interface RandomModelOptions {
  shape: RandomShape | ModelDims;
  type: RandomType;
  /** Default 1; the same options give the same bytes. */
  seed?: number;
  /** Tokens of the made-up vocabulary; default 32000. */
  vocabularySize?: number;
  /** A GGUF file with a SentencePiece vocabulary to copy instead (llama.cpp's source has one of Llama 2). */
  vocabularyFrom?: string;
  /** `general.name`; default "Random <shape>". */
  name?: string;
}

/** Dimensions by name; 1.1B is TinyLlama's, gemma3 is Gemma 3 270M's with windows of 512 tokens. */
export const SHAPES: Record<RandomShape, ModelDims> = {
  small: {
    architecture: 'llama',
    embedding: 256,
    blocks: 4,
    heads: 4,
    kvHeads: 2,
    headDim: 64,
    feedForward: 512,
    ropeBase: 10_000,
    contextLength: 4096,
  },
  '150M': {
    architecture: 'llama',
    embedding: 768,
    blocks: 12,
    heads: 12,
    kvHeads: 4,
    headDim: 64,
    feedForward: 3072,
    ropeBase: 10_000,
    contextLength: 8192,
  },
  '1.1B': {
    architecture: 'llama',
    embedding: 2048,
    blocks: 22,
    heads: 32,
    kvHeads: 4,
    headDim: 64,
    feedForward: 5632,
    ropeBase: 10_000,
    contextLength: 4096,
  },
  'mistral-7b': {
    architecture: 'llama',
    embedding: 4096,
    blocks: 32,
    heads: 32,
    kvHeads: 8,
    headDim: 128,
    feedForward: 14_336,
    ropeBase: 1_000_000,
    contextLength: 32_768,
  },
  gemma3: {
    architecture: 'gemma3',
    embedding: 640,
    blocks: 18,
    heads: 4,
    kvHeads: 1,
    headDim: 256,
    feedForward: 2048,
    ropeBase: 1_000_000,
    contextLength: 32_768,
    slidingWindow: 512,
  },
};

const FILE_TYPES: Record<RandomType, number> = { F32: 0, Q4_0: 2, Q8_0: 7 };
const DEFAULT_VOCABULARY = 32_000;

/** Standard deviation of the logits: a few likely tokens among many, as a trained model has. */
const LOGIT_DEVIATION = 3;

/** With a tied output matrix a token would predict itself unless the layers add far more than the embedding. */
const POST_NORM_GAIN = 30;

const UNSAMPLED_TYPES: readonly number[] = [TOKEN_TYPES.control, TOKEN_TYPES.unknown, TOKEN_TYPES.byte];

const COMMON_WORDS =
  'the of and to in is that it was for on are as with his they at be this have from or one had by word but not ' +
  'what all were we when your can said there use an each which she do how their if will up other about out many ' +
  'then them these so some her would make like him into time has look two more write go see number no way could ' +
  'people my than first water been call who oil its now find long down day did get come made may part';

/**
 * A vocabulary of the size real models have. Every word comes with all its prefixes, because SentencePiece reaches
 * a token only by merging two shorter ones.
 */
export function syntheticVocabulary(size: number, seed: number): VocabularyToken[] {
  const tokens = baseVocabulary();
  const known = new Set(tokens.map((token) => token.text));
  const add = (text: string): void => {
    if (tokens.length >= size || known.has(text)) return;
    known.add(text);
    tokens.push({ text, type: TOKEN_TYPES.normal, score: -tokens.length });
  };
  const addWord = (word: string): void => {
    for (let end = 2; end <= word.length; end++) add(word.slice(0, end));
  };
  for (const word of COMMON_WORDS.split(' ')) addWord(`\u2581${word}`);
  const random = new Random(seed);
  const pick = (letters: string): string => letters.charAt(random.uint32() % letters.length);
  while (tokens.length < size) {
    let word = random.uint32() % 3 === 0 ? '' : '\u2581';
    const syllables = 1 + (random.uint32() % 4);
    for (let i = 0; i < syllables; i++) word += pick('bcdfghklmnprstvw') + pick('aeiou') + pick('nrstl');
    addWord(word);
  }
  return tokens;
}

/** The tokens of a GGUF file with a SentencePiece vocabulary, with ChatML's markers added. */
async function copiedVocabulary(path: string): Promise<VocabularyToken[]> {
  const { metadata } = await gguf(path, { allowLocalFile: true });
  const values = new Map<string, unknown>(Object.entries(metadata));
  const valueOf = (key: string) => values.get(key);
  const texts = valueOf('tokenizer.ggml.tokens');
  const scores = valueOf('tokenizer.ggml.scores');
  const types = valueOf('tokenizer.ggml.token_type');
  if (!Array.isArray(texts) || !Array.isArray(scores) || !Array.isArray(types))
    throw new TypeError('the file has no SentencePiece vocabulary');
  const known = new Set<number>(Object.values(TOKEN_TYPES));
  const tokens = texts.map((text, id): VocabularyToken => {
    const type = Number(types[id]);
    // The parser drops a byte order mark, and with it the one token that is nothing else.
    return {
      text: String(text) || '\ufeff',
      type: isTokenType(type, known) ? type : 1,
      score: Number(scores[id]),
    };
  });
  for (const text of [TURN_START, TURN_END]) tokens.push({ text, type: TOKEN_TYPES.control, score: 0 });
  return tokens;
}

function isTokenType(type: number, known: ReadonlySet<number>): type is VocabularyToken['type'] {
  return known.has(type);
}

/** The output matrix is Q6_K in a Q4_0 file, as llama.cpp's quantizer makes it. */
function tensorType(role: TensorRole, type: RandomType, rowElements: number): TensorType {
  if (role === 'output' && type === 'Q4_0' && rowElements % TENSOR_TYPES.Q6_K.blockElements === 0)
    return 'Q6_K';
  return type;
}

/**
 * Writes a model of any shape with random weights of the usual size: attention is spread over the context, so a
 * wrong token in the cache changes every later probability. Control and byte tokens have zero output rows and are
 * never sampled, so a generation runs to its token limit and every token is text. Memory use stays at a few megabytes.
 */
export async function writeRandomModel(path: string, options: RandomModelOptions): Promise<WrittenGguf> {
  const { shape, type, seed = 1 } = options;
  const dims = typeof shape === 'string' ? SHAPES[shape] : shape;
  const tokens = options.vocabularyFrom
    ? await copiedVocabulary(options.vocabularyFrom)
    : syntheticVocabulary(options.vocabularySize ?? DEFAULT_VOCABULARY, seed);
  const blocks = new RandomBlocks(seed);
  const isUnsampled = (row: number): boolean => {
    const token = tokens[row];
    return token === undefined || UNSAMPLED_TYPES.includes(token.type);
  };
  const fill = (role: TensorRole, tensorShape: readonly number[]): Pick<GgufTensor, 'type' | 'data'> => {
    if (role === 'norm') return normTensor(tensorShape);
    if (role === 'post-norm') return normTensor(tensorShape, POST_NORM_GAIN);
    const [rowElements = 0, rows = 0] = tensorShape;
    const chosen = tensorType(role, type, rowElements);
    const isVocabulary = role === 'embedding' || role === 'output';
    // A row times a normalised vector has a variance of row length x weight variance.
    const gain = isVocabulary ? LOGIT_DEVIATION : 1;
    const deviation = gain / Math.sqrt(rowElements);
    const isZero =
      isVocabulary && (role === 'output' || dims.architecture === 'gemma3') ? isUnsampled : undefined;
    return { type: chosen, data: () => blocks.tensor(chosen, rowElements, rows, deviation, isZero) };
  };
  const label = typeof shape === 'string' ? shape : `${dims.embedding}x${dims.blocks}`;
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', { type: 'string', value: dims.architecture }],
    ['general.type', { type: 'string', value: 'model' }],
    ['general.name', { type: 'string', value: options.name ?? `Random ${label}` }],
    ['general.size_label', { type: 'string', value: label }],
    ['general.license', { type: 'string', value: 'apache-2.0' }],
    ['general.file_type', { type: 'uint32', value: FILE_TYPES[type] }],
    ['general.quantization_version', { type: 'uint32', value: 2 }],
    ...dimsMetadata(dims, tokens.length),
    ...tokenizerMetadata(
      tokens,
      CHATML_TEMPLATE,
      tokens.findIndex((token) => token.text === TURN_END),
    ),
  ]);
  return writeGguf(path, { metadata, tensors: modelTensors(dims, tokens.length, fill) });
}
