import type { EngineState } from '../../../src-main/contract/index.ts';

/** What the engine does with one model. */
export type LoadState = 'none' | 'loading' | 'loaded' | 'answering';

/** @returns `none` for every model but the one that the engine holds or loads now */
export function loadStateOf(engine: EngineState, modelId: string): LoadState {
  if (engine.modelId !== modelId) return 'none';
  if (engine.status === 'loading') return 'loading';
  if (engine.status === 'ready') return 'loaded';
  return engine.status === 'generating' ? 'answering' : 'none';
}

/** True while the model is in memory. */
export function isInMemory(state: LoadState): boolean {
  return state === 'loaded' || state === 'answering';
}
