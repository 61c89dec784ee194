import type { EngineState } from '../../../../src-main/contract/index.ts';

/** Whether a model thinks, and whether it can be told not to. */
export type ReasoningSupport = 'none' | 'always' | 'switchable';

/** What the loaded model says of thinking; `none` for another model, of which nothing is known yet. */
export function reasoningOf(engine: EngineState, modelId: string | null): ReasoningSupport {
  if (engine.modelId !== modelId || !('reasoning' in engine)) return 'none';
  const { reasoning } = engine;
  return reasoning === 'always' || reasoning === 'switchable' ? reasoning : 'none';
}
