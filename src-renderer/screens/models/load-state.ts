import type { EngineState } from '../../../src-main/contract/index.ts';

/** What the engine does with one model. */
export type LoadState = 'none' | 'loading' | 'loaded' | 'answering';

/**
 * @param pendingId model whose load was asked for and has not ended; the engine may have to start first
 * @returns `none` for every model but the one that the engine holds or loads now
 */
export function loadStateOf(
  engine: EngineState,
  modelId: string,
  pendingId: string | null = null,
): LoadState {
  if (engine.modelId !== modelId) return pendingId === modelId ? 'loading' : 'none';
  if (engine.status === 'loading') return 'loading';
  if (engine.status === 'ready') return 'loaded';
  if (engine.status === 'generating') return 'answering';
  return pendingId === modelId ? 'loading' : 'none';
}

/** True while the model is in memory. */
export function isInMemory(state: LoadState): boolean {
  return state === 'loaded' || state === 'answering';
}
