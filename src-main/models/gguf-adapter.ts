import type { GGUFTensorInfo, MetadataValue } from '@huggingface/gguf';
import * as v from 'valibot';
import { HubRepo, type AdapterBase } from '../contract/index.ts';
import { malformed } from './gguf-errors.ts';
import { cleanText, shorten } from './model-text.ts';

/** Name and the first two sizes of a tensor: columns, then rows. */
export type TensorShape = [name: string, columns: number, rows: number];

/** What a LoRA file changes, and in what. */
export interface AdapterFacts {
  rank: number;
  bases: AdapterBase[];
  /** The tensors that a base must have. */
  targets: TensorShape[];
}

type Metadata = Readonly<Record<string, MetadataValue>>;

const FACTOR = /^(.+)\.lora_(a|b)$/u;
/** A merge names a few; the converter numbers them. */
const MAX_BASES = 4;
const MAX_NAME_LENGTH = 120;

/** Sizes of every tensor, for the question whether an adapter goes with a model. */
export function tensorShapes(tensors: readonly GGUFTensorInfo[]): TensorShape[] {
  return tensors.map(({ name, shape }) => [name, Number(shape[0] ?? 1n), Number(shape[1] ?? 1n)]);
}

/**
 * The facts of a LoRA adapter; null for another kind of file.
 * @throws model_malformed when its factors do not go together
 */
export function adapterFacts(metadata: Metadata, shapes: readonly TensorShape[]): AdapterFacts | null {
  if (metadata['general.type'] !== 'adapter' || metadata['adapter.type'] !== 'lora') return null;
  const { targets, rank } = targetsOf(shapes);
  return { rank, bases: basesOf(metadata), targets };
}

/** As llama-adapter.cpp checks them: the embedding's factors are the other way round. */
function targetsOf(shapes: readonly TensorShape[]): { targets: TensorShape[]; rank: number } {
  const factors = new Map<string, { a?: TensorShape; b?: TensorShape }>();
  for (const shape of shapes) {
    const [, target, factor] = FACTOR.exec(shape[0]) ?? [];
    if (target === undefined) continue;
    const pair = factors.get(target) ?? {};
    if (factor === 'a') pair.a = shape;
    else pair.b = shape;
    factors.set(target, pair);
  }
  if (factors.size === 0) throw malformed('no tensors');
  let rank = 0;
  const targets = [...factors].map(([target, { a, b }]): TensorShape => {
    if (!a || !b) throw malformed('half of an adapter');
    const [, aColumns, aRows] = a;
    const [, bColumns, bRows] = b;
    if (target === 'token_embd.weight') {
      rank = Math.max(rank, bColumns);
      return [target, bRows, aRows];
    }
    if (aRows !== bColumns) throw malformed('adapter factors');
    rank = Math.max(rank, aRows);
    return [target, aColumns, bRows];
  });
  return { targets, rank };
}

/** `general.base_model.N.*`, which the converter takes from the model card. */
function basesOf(metadata: Metadata): AdapterBase[] {
  const bases: AdapterBase[] = [];
  for (let index = 0; index < MAX_BASES; index += 1) {
    const text = (key: string) => {
      const value = metadata[`general.base_model.${index}.${key}`];
      return typeof value === 'string' ? shorten(cleanText(value), MAX_NAME_LENGTH) || null : null;
    };
    const repo = repoOf(text('repo_url'));
    const name = [text('name'), text('version')].filter((part) => part !== null).join(' ') || null;
    if (name !== null || repo !== null) bases.push({ name, repo });
  }
  return bases;
}

/** `owner/name` of a page on the hub, or of what stands in its place. */
function repoOf(address: string | null): string | null {
  const path = address?.replace(/^https?:\/\/[^/]+\//iu, '').replace(/\/+$/u, '') ?? '';
  return v.is(HubRepo, path) ? path : null;
}
