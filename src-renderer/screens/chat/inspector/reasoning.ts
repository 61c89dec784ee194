import type { EngineState } from '../../../../src-main/contract/index.ts';

/** What the loaded model says of thinking; `none` for another model, of which nothing is known yet. */
export function reasoningOf(
  { reasoning, modelId: loadedId }: EngineState,
  modelId: string | null,
): NonNullable<EngineState['reasoning']> {
  return loadedId === modelId && reasoning !== null ? reasoning : 'none';
}
