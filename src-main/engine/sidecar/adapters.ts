import { statSync } from 'node:fs';
import { readGgufFileInfo, type GgufFileInfo } from 'node-llama-cpp';
import { appError, isAppError } from '../../contract/index.ts';
import type { LoadInput } from './contract.ts';

/** The two halves of what an adapter adds to a weight: W + scale * B * A. */
const HALF = /^(.+)\.lora_([ab])$/;

type Shapes = ReadonlyMap<string, readonly number[]>;

/** What decides whether an adapter fits. */
export interface AdapterHeader {
  readonly architecture: string;
  readonly shapes: Shapes;
}

/** Bytes of all adapters: they are copied into memory. */
export function adapterBytes(adapters: LoadInput['adapters']): number {
  return adapters.reduce((sum, { path }) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
}

/**
 * Whether the adapter was made for a model of this build: the same architecture, and for every weight that it
 * changes one of that shape. llama.cpp makes the same comparison, and tells it in its log only. Pure.
 */
export function fits(adapter: AdapterHeader, model: AdapterHeader): boolean {
  if (adapter.architecture !== model.architecture || adapter.shapes.size === 0) return false;
  for (const [name, a] of adapter.shapes) {
    const [, weight, half] = HALF.exec(name) ?? [];
    if (weight === undefined) return false;
    if (half === 'b') {
      if (!adapter.shapes.has(`${weight}.lora_a`)) return false;
      continue;
    }
    const b = adapter.shapes.get(`${weight}.lora_b`);
    const base = model.shapes.get(weight);
    if (!b || !base || a[1] !== b[0]) return false;
    // The table of tokens is looked up, not multiplied: its halves lie the other way.
    const [input, output] = weight === 'token_embd.weight' ? [b[1], a[0]] : [a[0], b[1]];
    if (base[0] !== input || base[1] !== output) return false;
  }
  return true;
}

function headerOf({ metadata, fullTensorInfo = [] }: GgufFileInfo): AdapterHeader {
  const shapes = new Map(fullTensorInfo.map(({ name, dimensions }) => [name, dimensions.map(Number)]));
  return { architecture: metadata.general.architecture, shapes };
}

/**
 * Refuses adapters that do not fit before anything is done with them.
 * @throws adapter_mismatch; model_load_failed with `reason` adapter_missing or adapter_damaged
 */
export async function checkAdapters(adapters: LoadInput['adapters'], model: GgufFileInfo): Promise<void> {
  for (const { path } of adapters) {
    if (!statSync(path, { throwIfNoEntry: false }))
      throw appError('model_load_failed', { reason: 'adapter_missing' }, { retryable: false });
    const info = await readGgufFileInfo(path, { sourceType: 'filesystem', logWarnings: false }).catch(
      (cause: unknown) => {
        throw adapterDamaged(cause);
      },
    );
    if (!fits(headerOf(info), headerOf(model))) throw appError('adapter_mismatch');
  }
}

/** @returns the error itself when it is typed already */
export function adapterDamaged(cause: unknown): unknown {
  if (isAppError(cause)) return cause;
  return appError('model_load_failed', { reason: 'adapter_damaged' }, { cause, retryable: false });
}

/** What the library says when llama.cpp refuses an adapter. */
export function isAdapterFailure(error: unknown): boolean {
  return error instanceof Error && /lora adapter/i.test(error.message);
}
