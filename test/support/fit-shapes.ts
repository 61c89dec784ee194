import { stat } from 'node:fs/promises';
import { createHeaderReader } from '../../src-main/models/gguf-header.ts';
import { readerOfFiles } from '../../src-main/models/model-header.ts';
import { modelShape, type ModelShape } from '../../src-main/models/fit/model-shape.ts';
import { entries } from '../../src-main/entries.ts';
import type { ModelDims } from './gguf/llama-shape.ts';
import { Random } from './gguf/random.ts';
import type { RandomType } from './gguf/random-model.ts';

/** How the layers of a drawn shape look at what came before. */
export type Attention = 'grouped' | 'full' | 'windows';

export interface DrawnShape {
  attention: Attention;
  dims: ModelDims;
  type: RandomType;
  contextSize: number;
}

const BYTES_PER_WEIGHT = { Q4_0: 18 / 32, Q8_0: 34 / 32 };

/**
 * A shape by seed: widths, heads, layers, window and context differ; its layers hold about `megabytes` of weights.
 * The same seed gives the same shape.
 */
export function drawShape(
  attention: Attention,
  { seed, megabytes, type }: { seed: number; megabytes: number; type: 'Q4_0' | 'Q8_0' },
): DrawnShape {
  const random = new Random(seed);
  const pick = <T>(...values: readonly [T, ...T[]]): T =>
    values[random.uint32() % values.length] ?? values[0];
  const headDim = attention === 'windows' ? 256 : 64;
  const embedding = pick(768, 1024, 1280, 1536);
  const heads = attention === 'windows' ? 4 : embedding / headDim;
  const feedForward = Math.round((embedding * pick(2, 2.5, 3, 3.5)) / 256) * 256;
  const kvHeads = attention === 'full' ? heads : attention === 'windows' ? 1 : Math.max(1, heads / 4);
  const perLayer = embedding * headDim * (2 * heads + 2 * kvHeads) + 3 * embedding * feedForward;
  const blocks = Math.max(6, Math.round((megabytes * 1e6) / (perLayer * BYTES_PER_WEIGHT[type])));
  return {
    attention,
    type,
    contextSize: pick(1024, 1536, 2048),
    dims: {
      architecture: attention === 'windows' ? 'gemma3' : 'llama',
      embedding,
      blocks,
      heads,
      kvHeads: Number.isInteger(kvHeads) ? kvHeads : 4,
      headDim,
      feedForward,
      ropeBase: 10_000,
      contextLength: 8192,
      ...(attention === 'windows' ? { slidingWindow: pick(256, 512) } : {}),
    },
  };
}

/** What the app would know of a file before it is loaded. */
export async function shapeOfFile(path: string): Promise<ModelShape> {
  const { size } = await stat(path);
  const reader = createHeaderReader(entries.ggufWorker);
  try {
    const found = { path, partPaths: [path], fileName: 'model.gguf', sizeBytes: size };
    const shape = modelShape(await readerOfFiles(reader)(found), size);
    if (!shape) throw new Error('no shape');
    return shape;
  } finally {
    await reader.close();
  }
}
