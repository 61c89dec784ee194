import { implement } from '@orpc/server';
import { contract, type MetricsFilter } from '../contract/index.ts';
import type { Store } from '../store/api.ts';
import type { MemoryHistory } from './memory-history.ts';

const os = implement(contract);

type Given = { [K in keyof MetricsFilter]?: MetricsFilter[K] | undefined };
/** An absent key asks for nothing; one that holds undefined would say the same less plainly. */
function filterOf({ from, ...given }: Given & Pick<MetricsFilter, 'from'>): MetricsFilter {
  const asked = Object.entries(given).filter(([, value]) => value !== undefined);
  return { from, ...Object.fromEntries(asked) };
}

/** Handlers of the Performance screen. */
export function metricsRoutes({ samples }: Pick<Store, 'samples'>, memory: MemoryHistory) {
  return {
    summary: os.metrics.summary.handler(({ input }) =>
      samples.summary({ filter: filterOf(input.filter), timeZone: input.timeZone, now: Date.now() }),
    ),
    samples: os.metrics.samples.handler(({ input: { filter, afterId, limit } }) =>
      samples.page({ filter: filterOf(filter), afterId, limit }),
    ),
    memory: os.metrics.memory.handler(() => memory.read()),
    forget: os.metrics.forget.handler(() => samples.forget(undefined)),
  };
}
