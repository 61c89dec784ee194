import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { writeRandomModel } from '../support/gguf/random-model.ts';
import type { RandomShape, RandomType } from '../support/gguf/random-model.ts';
import type { LlamaCpp } from './llama-cpp.ts';

/** Changes when the writer makes other bytes for the same name. */
const GENERATION = 3;

/**
 * A random model with Llama 2's vocabulary in a folder of its own, written on first use.
 * @returns the file and the folder that holds nothing else
 */
export async function benchModel(
  folder: string,
  tools: LlamaCpp,
  shape: RandomShape,
  type: RandomType,
): Promise<{ path: string; folder: string }> {
  const name = `random-${shape}-${type}`;
  const own = join(folder, 'models', `${name}-${GENERATION}`);
  const path = join(own, `${name}.gguf`);
  if (!existsSync(path)) {
    await mkdir(own, { recursive: true });
    await writeRandomModel(`${path}.new`, { shape, type, vocabularyFrom: tools.vocabulary });
    await rename(`${path}.new`, path);
  }
  return { path, folder: own };
}
