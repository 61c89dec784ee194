import type { EngineState, Model } from '../../src-main/contract/index.ts';

export type ChipState =
  | { readonly kind: 'none' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'loading'; readonly progress: number | null; readonly etaMs: number | null }
  | { readonly kind: 'answering' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed' }
  | { readonly kind: 'unloaded' };

/**
 * What the model chip of a chat says.
 * @param answering an answer runs in this chat
 * @param failedModelId model of the last load that failed in this window
 */
export function chipState(
  model: Model | undefined,
  engine: EngineState,
  answering: boolean,
  failedModelId: string | null,
): ChipState {
  if (model === undefined) return { kind: 'none' };
  const mine = engine.modelId === model.id;
  if (mine && engine.status === 'loading')
    return { kind: 'loading', progress: engine.loadProgress, etaMs: engine.loadEtaMs };
  if (mine && (engine.status === 'ready' || engine.status === 'generating'))
    return { kind: answering && engine.status === 'generating' ? 'answering' : 'ready' };
  if (!model.available) return { kind: 'missing' };
  // A crash while answering says nothing against the next load.
  const loadError = mine && engine.error?.code.startsWith('model_') === true;
  const failed = failedModelId === model.id || model.lastLoadCrashed || loadError;
  return { kind: failed ? 'failed' : 'unloaded' };
}

/** Why no answer can come from the model of a chat until the user does something about it; null: one can. Pure. */
export function modelFailure(
  model: Model | undefined,
  { kind }: ChipState,
): 'no_model' | 'model_file_missing' | 'model_load_crashed' | null {
  if (model === undefined) return 'no_model';
  if (kind === 'missing') return 'model_file_missing';
  // It is never tried again by itself.
  return kind === 'failed' && model.lastLoadCrashed ? 'model_load_crashed' : null;
}
