import type { ModelSettings } from '../../contract/index.ts';
import type { Engine } from '../../engine/api.ts';
import type { Models } from '../models.ts';
import { modelShape, type ModelShape } from './model-shape.ts';
import { draftNeed, joined } from './predict.ts';
import { predictMemory, type LoadPlan, type MemoryNeed } from './predict-memory.ts';

/** What the model in memory takes: in memory, as pages of its file that are in use, and of the graphics card. */
export interface LoadedMemory {
  ram: MemoryNeed['ram'];
  /** Given back when others need them; a part of the file. */
  mappedBytes: number;
  vram: MemoryNeed['vram'];
}

/**
 * Calculated from its header and how it was loaded; the cache is taken whole at the load, so the prediction is what
 * there is. Null without a model, or when its file has gone.
 */
export async function loadedMemory(
  { engine, models }: { engine: Pick<Engine, 'state'>; models: Pick<Models, 'headerOf'> },
  repacked: ReadonlySet<string>,
): Promise<LoadedMemory | null> {
  const { modelId, contextSize, gpuLayers, liveChats, tuning } = engine.state;
  if (modelId === null || contextSize === null) return null;
  try {
    const { header, sizeBytes } = await models.headerOf(modelId);
    const shape = modelShape(header, sizeBytes);
    if (!shape) return null;
    const plan: LoadPlan = {
      contextSize,
      gpuLayers: gpuLayers ?? 0,
      flashAttention: true,
      cacheType: tuning?.cacheType ?? 'f16',
      fullWindow: tuning?.fullWindow ?? false,
      liveChats: liveChats ?? 1,
      chunkTokens: 1,
      repacked,
    };
    const own = predictMemory(shape, plan);
    const draft = tuning?.draft === 'ready' ? await shapeIn(models, tuning.draftModelId) : null;
    const { ram, vram, mappedInUseBytes } = draft ? joined(own, draftNeed(draft, plan)) : own;
    return { ram, mappedBytes: mappedInUseBytes, vram };
  } catch {
    return null;
  }
}

/** Of the model that guesses for one; null without, or when its file has gone: it is then not loaded either. */
export async function draftShape(
  models: Pick<Models, 'headerOf'>,
  { draftModelId, speculation }: ModelSettings,
): Promise<ModelShape | null> {
  return speculation === 'off' ? null : shapeIn(models, draftModelId);
}

async function shapeIn(models: Pick<Models, 'headerOf'>, id: string | null): Promise<ModelShape | null> {
  if (id === null) return null;
  try {
    const { header, sizeBytes } = await models.headerOf(id);
    return modelShape(header, sizeBytes);
  } catch {
    return null;
  }
}
