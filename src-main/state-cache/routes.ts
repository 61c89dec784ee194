import { implement } from '@orpc/server';
import { contract } from '../contract/index.ts';
import type { StateCache } from './state-cache.ts';

const os = implement(contract);

/** Handlers of saved states. */
export function savedStateRoutes(cache: Pick<StateCache, 'info' | 'clear'>) {
  return {
    info: os.savedStates.info.handler(() => cache.info()),
    clear: os.savedStates.clear.handler(() => cache.clear()),
  };
}
