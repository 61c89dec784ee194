import { createHash } from 'node:crypto';
import { availableParallelism, cpus } from 'node:os';
import { errorCodeOf } from '../contract/index.ts';
import type { Engine, LoadRequest } from '../engine/api.ts';
import type { Platform } from '../platform.ts';
import type { StoreClient } from '../store/api.ts';

/** Keeps what first loads have found out, so that it is found out once a model and machine. */
export interface Tunings {
  /** The request with what is known. */
  complete(request: LoadRequest): Promise<LoadRequest>;
  /** Takes over what the load of this model has found out, after `complete`. */
  keep(modelId: string): Promise<void>;
}

/** What a number of threads, or the check of a cache, depends on. */
function keyOf({ fileState, gpuLayers, flashAttention, adapters, cacheType }: LoadRequest): string {
  const machine = [cpus()[0]?.model, availableParallelism(), process.arch];
  const scales = adapters.map(({ scale }) => scale);
  return createHash('sha256')
    .update(JSON.stringify([machine, fileState, gpuLayers, flashAttention, scales, cacheType]))
    .digest('hex');
}

export function createTunings(
  store: Pick<StoreClient['models'], 'tuning' | 'saveTuning'>,
  engine: Pick<Engine, 'state'>,
  log: Platform['log'],
): Tunings {
  const asked = new Map<string, { key: string; measured: LoadRequest['measured'] }>();
  return {
    async complete(request) {
      const { modelId } = request;
      const key = keyOf(request);
      const measured = await store.tuning({ id: modelId, key });
      asked.set(modelId, { key, measured });
      return { ...request, measured };
    },
    async keep(modelId) {
      const before = asked.get(modelId);
      const { tuning } = engine.state;
      if (!before || !tuning || engine.state.modelId !== modelId) return;
      const { measuredThreads: threads, cacheDivergence } = tuning;
      const { measured, key } = before;
      if (threads === measured.threads && cacheDivergence === measured.cacheDivergence) return;
      try {
        await store.saveTuning({ id: modelId, key, threads, cacheDivergence });
      } catch (error) {
        // A full disk: it is found out again next time.
        log('models.tuning_not_saved', { code: errorCodeOf(error) });
      }
    },
  };
}
