import { GGMLFileQuantizationType, type GGUFParseOutput, type MetadataValue } from '@huggingface/gguf';
import { vocabularyKey } from '../engine/vocabulary.ts';
import { adapterFacts, tensorShapes, type AdapterFacts, type TensorShape } from './gguf-adapter.ts';
import { malformed, truncated } from './gguf-errors.ts';
import { shapeFacts, sumWeights, type ShapeFacts, type Weights } from './gguf-shape.ts';
import { alignUp, sumTensors } from './gguf-tensors.ts';
import { cleanText, shorten } from './model-text.ts';

/** What one GGUF file's header says, checked. Plain data: it crosses from the worker. */
export interface GgufHeader {
  /** `general.name`, cleaned; null when there is none. */
  name: string | null;
  /** Null in the later parts of a split file only. */
  architecture: string | null;
  /** `general.type`: `model`, `adapter`, `mmproj` …; null when the file does not say. */
  kind: string | null;
  parameterCount: number;
  tensorCount: number;
  /** `Q4_K_M` and the like: the file's own word, else the type that holds most weights. */
  quant: string | null;
  trainedContextSize: number | null;
  licence: string | null;
  chatTemplate: string | null;
  /** How the tokens that begin and end a text are written; null when the file does not say. */
  bosToken: string | null;
  eosToken: string | null;
  layerCount: number | null;
  headCount: number | null;
  kvHeadCount: number | null;
  embeddingLength: number | null;
  vocabularySize: number | null;
  /** The same for models whose tokens mean the same; null when the file names none. */
  vocabularyKey: string | null;
  /** Pairs that the tokenizer merges; 0 where it has none. */
  mergeCount: number;
  tokenizer: string | null;
  /** What memory and speed follow from. */
  shape: ShapeFacts;
  weights: Weights;
  /** Of every tensor. */
  shapes: TensorShape[];
  /** Set for a LoRA adapter. */
  adapter: AdapterFacts | null;
  /** Every key with its value, shortened. */
  metadata: { key: string; value: string }[];
  /** `split.no` (from 0) and `split.count` of a part. */
  split: { index: number; count: number } | null;
  /** Where the last tensor's description ends, in bytes. */
  headerEndOffset: number;
  /** Where the tensor data end; the file has at least this many bytes. */
  dataEndOffset: number;
}

type Metadata = Readonly<Record<string, MetadataValue>>;

/** Keys that a person may want to read; the largest models have about a hundred. */
const MAX_METADATA_KEYS = 10_000;
/** Put among the file's keys by the parser. */
const PARSER_KEYS = new Set(['version', 'tensor_count', 'kv_count']);
const MAX_LISTED_KEYS = 500;
const MAX_VALUE_LENGTH = 200;
/** Array items that are shown before the rest is only counted. */
const MAX_LISTED_ITEMS = 8;
/** The longest templates of known models have about 20,000 characters. */
const MAX_TEMPLATE_LENGTH = 200_000;
const MAX_ARCHITECTURE_LENGTH = 64;
const DEFAULT_ALIGNMENT = 32;
/** Set in `general.file_type` when the converter guessed it (LLAMA_FTYPE_GUESSED in llama.h). */
const GUESSED_FLAG = 1024;

/**
 * Turns the parser's output into checked facts.
 * @param file its own count of keys, where its last tensor info ends, and its size in bytes
 * @throws model_malformed, model_truncated
 */
export function summariseHeader(
  parsed: Pick<GGUFParseOutput, 'tensorInfos'> & { metadata: unknown },
  file: { keyCount: number; headerEndOffset: number; sizeBytes: number },
): GgufHeader {
  const { headerEndOffset, sizeBytes } = file;
  // The parser pads a file that ends inside its header with zeros and reads on.
  if (headerEndOffset > sizeBytes) throw truncated(headerEndOffset, sizeBytes);
  const metadata = ownEntries(parsed.metadata, file.keyCount);
  const alignment = alignmentOf(metadata);
  const totals = sumTensors(parsed.tensorInfos, alignment);
  const hasData = parsed.tensorInfos.length > 0;
  const dataEndOffset = hasData ? alignUp(headerEndOffset, alignment) + totals.dataBytes : headerEndOffset;
  if (dataEndOffset > sizeBytes) throw truncated(dataEndOffset, sizeBytes);

  const architecture = textAt(metadata, 'general.architecture');
  if (architecture !== null && architecture.length > MAX_ARCHITECTURE_LENGTH) throw malformed('architecture');
  const heads = shapeNumber(metadata, architecture, 'attention.head_count');
  const shapes = tensorShapes(parsed.tensorInfos);
  return {
    name: textAt(metadata, 'general.name'),
    architecture,
    kind: textAt(metadata, 'general.type'),
    parameterCount: totals.parameterCount,
    tensorCount: parsed.tensorInfos.length,
    quant: quantOf(metadata) ?? totals.mainType,
    trainedContextSize: shapeNumber(metadata, architecture, 'context_length'),
    licence: licenceOf(metadata),
    chatTemplate: templateOf(metadata),
    bosToken: tokenOf(metadata, 'tokenizer.ggml.bos_token_id'),
    eosToken: tokenOf(metadata, 'tokenizer.ggml.eos_token_id'),
    layerCount: shapeNumber(metadata, architecture, 'block_count'),
    headCount: heads,
    kvHeadCount: shapeNumber(metadata, architecture, 'attention.head_count_kv') ?? heads,
    embeddingLength: shapeNumber(metadata, architecture, 'embedding_length'),
    vocabularySize: vocabularyOf(metadata, architecture),
    vocabularyKey: vocabularyKey({
      tokenizer: metadata['tokenizer.ggml.model'],
      tokens: metadata['tokenizer.ggml.tokens'],
      tokenTypes: metadata['tokenizer.ggml.token_type'],
    }),
    mergeCount: mergesOf(metadata),
    tokenizer: tokenizerOf(metadata),
    shape: shapeFacts(metadata, architecture),
    weights: sumWeights(parsed.tensorInfos),
    shapes,
    adapter: adapterFacts(metadata, shapes),
    metadata: listed(metadata),
    split: splitOf(metadata),
    headerEndOffset,
    dataEndOffset,
  };
}

/** Own keys only: a key named `__proto__` must not become a prototype here. */
function ownEntries(value: unknown, keyCount: number): Metadata {
  const entries = Object.entries(value ?? {}).filter(([key]) => !PARSER_KEYS.has(key));
  if (keyCount > MAX_METADATA_KEYS) throw malformed('too many keys');
  // The engine refuses a key that comes twice; keys without a namespace are outside the format.
  if (entries.length !== keyCount) throw malformed('key twice');
  return Object.assign(Object.create(null), Object.fromEntries(entries));
}

function alignmentOf(metadata: Metadata): number {
  const alignment = metadata['general.alignment'] ?? DEFAULT_ALIGNMENT;
  const valid = typeof alignment === 'number' && Number.isInteger(alignment) && alignment > 0;
  // Far above any page size; a larger one only serves to overflow sums.
  if (!valid || alignment > 2 ** 20 || !Number.isInteger(Math.log2(alignment))) throw malformed('alignment');
  return alignment;
}

function textAt(metadata: Metadata, key: string): string | null {
  const value = metadata[key];
  return typeof value === 'string' ? cleanText(value) || null : null;
}

function numberAt(metadata: Metadata, key: string): number | null {
  const value = metadata[key];
  if (typeof value !== 'number' && typeof value !== 'bigint') return null;
  const number = Number(value);
  return Number.isSafeInteger(number) && number >= 0 ? number : null;
}

/** A count under the architecture's own name; the largest when the file has one for each layer. */
function shapeNumber(metadata: Metadata, architecture: string | null, key: string): number | null {
  const value = metadata[`${architecture}.${key}`];
  if (!Array.isArray(value)) return numberAt(metadata, `${architecture}.${key}`);
  const counts = value.flatMap((item) => {
    const number = typeof item === 'number' || typeof item === 'bigint' ? Number(item) : -1;
    return Number.isSafeInteger(number) && number >= 0 ? [number] : [];
  });
  return counts.length > 0 ? counts.reduce((a, b) => Math.max(a, b)) : null;
}

function quantOf(metadata: Metadata): string | null {
  const fileType = numberAt(metadata, 'general.file_type');
  if (fileType === null) return null;
  const name: unknown = GGMLFileQuantizationType[fileType % GUESSED_FLAG];
  return typeof name === 'string' ? name : null;
}

function licenceOf(metadata: Metadata): string | null {
  const licence = textAt(metadata, 'general.license');
  const name = textAt(metadata, 'general.license.name');
  const best = licence === null || licence.toLowerCase() === 'other' ? (name ?? licence) : licence;
  return best === null ? null : shorten(best, MAX_VALUE_LENGTH);
}

function templateOf(metadata: Metadata): string | null {
  const template = metadata['tokenizer.chat_template'];
  if (typeof template !== 'string' || template.trim() === '') return null;
  return shorten(template, MAX_TEMPLATE_LENGTH);
}

function tokenOf(metadata: Metadata, idKey: string): string | null {
  const tokens = metadata['tokenizer.ggml.tokens'];
  const token = Array.isArray(tokens) ? tokens[numberAt(metadata, idKey) ?? -1] : null;
  return typeof token === 'string' && token.length <= MAX_VALUE_LENGTH ? token : null;
}

function vocabularyOf(metadata: Metadata, architecture: string | null): number | null {
  const tokens = metadata['tokenizer.ggml.tokens'];
  return Array.isArray(tokens) ? tokens.length : shapeNumber(metadata, architecture, 'vocab_size');
}

function mergesOf(metadata: Metadata): number {
  const merges = metadata['tokenizer.ggml.merges'];
  return Array.isArray(merges) ? merges.length : 0;
}

function tokenizerOf(metadata: Metadata): string | null {
  const model = textAt(metadata, 'tokenizer.ggml.model');
  const variant = textAt(metadata, 'tokenizer.ggml.pre');
  const both = model !== null && variant !== null ? `${model} (${variant})` : model;
  return both === null ? null : shorten(both, MAX_VALUE_LENGTH);
}

function splitOf(metadata: Metadata): GgufHeader['split'] {
  const index = numberAt(metadata, 'split.no');
  const count = numberAt(metadata, 'split.count');
  return index !== null && count !== null && count > 1 ? { index, count } : null;
}

function listed(metadata: Metadata): { key: string; value: string }[] {
  return Object.entries(metadata)
    .slice(0, MAX_LISTED_KEYS)
    .map(([key, value]) => ({ key: shorten(cleanText(key), MAX_VALUE_LENGTH), value: valueText(value) }));
}

function valueText(value: MetadataValue): string {
  if (!Array.isArray(value)) return shorten(cleanText(String(value)), MAX_VALUE_LENGTH);
  const items = value
    .slice(0, MAX_LISTED_ITEMS)
    .map((item) => (Array.isArray(item) ? `[${item.length}]` : shorten(cleanText(String(item)), 40)));
  const rest = value.length - items.length;
  return shorten(`[${items.join(', ')}${rest > 0 ? ', …' : ''}] (${value.length})`, MAX_VALUE_LENGTH);
}
