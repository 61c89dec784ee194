import type { EngineState } from '../../src-main/contract/index.ts';
import type { Failure } from './failure.ts';

/** Codes after which the engine does not come back by itself. */
const LASTING = new Set<string>(['engine_unavailable', 'engine_start_failed', 'engine_binary_missing']);

/** Why the engine is down and stays down until somebody does something; null while it works or restarts. */
export function engineFailure(engine: EngineState): Pick<Failure, 'code' | 'details'> | null {
  const down = engine.status === 'crashed' || engine.status === 'stopped';
  if (!down || engine.error === null || !LASTING.has(engine.error.code)) return null;
  return { code: engine.error.code, details: engine.error.data };
}
