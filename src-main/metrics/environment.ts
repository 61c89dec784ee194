import type { EnvironmentChange, MetricsSummary, SampleSetup } from '../contract/index.ts';

/** Older changes of a long time would only crowd a chart. */
const MAX_CHANGES = 12;

/** What can change under the answers, and its value as it is shown. */
export const ENVIRONMENT: readonly {
  kind: EnvironmentChange;
  of: (setup: Pick<SampleSetup, 'engineVersion' | 'backend' | 'devices' | 'appVersion'>) => string;
}[] = [
  { kind: 'engine', of: ({ engineVersion }) => engineVersion },
  { kind: 'device', of: ({ backend, devices }) => [backend, ...devices].join(', ') },
  { kind: 'app', of: ({ appVersion }) => appVersion },
];

/**
 * When the engine, the device or the app became another one: at the first answer with it. Pure.
 * @param samples in order of time
 * @param from ms since 1970; earlier ones only tell what there was before
 */
export function changesOf(
  samples: readonly { at: number; setup: SampleSetup }[],
  from: number,
  dayOf: (at: number) => string,
): MetricsSummary['changes'] {
  const changes: MetricsSummary['changes'] = [];
  let before: SampleSetup | undefined;
  for (const { at, setup } of samples) {
    if (before && before !== setup && at >= from)
      for (const { kind, of } of ENVIRONMENT)
        if (of(before) !== of(setup)) changes.push({ at, day: dayOf(at), kind, value: of(setup) });
    before = setup;
  }
  return changes.slice(-MAX_CHANGES);
}

/** What samples can be filtered by, each once. Pure. */
export function optionsOf(samples: readonly { setup: SampleSetup }[]): MetricsSummary['options'] {
  const setups = [...new Set(samples.map(({ setup }) => setup))];
  const each = <T>(of: (setup: SampleSetup) => T): T[] => [...new Set(setups.map(of))];
  const bySize = (a: number | null, b: number | null) => (a ?? 0) - (b ?? 0);
  const models = new Map(
    setups.map(({ modelKey, modelName, quant }) => [modelKey, { modelKey, name: modelName, quant }]),
  );
  return {
    models: [...models.values()].toSorted((a, b) => a.name.localeCompare(b.name)),
    quants: each(({ quant }) => quant).toSorted((a, b) => (a ?? '').localeCompare(b ?? '')),
    backends: each(({ backend }) => backend).toSorted(),
    threads: each(({ threads }) => threads).toSorted(bySize),
    contextSizes: each(({ contextSize }) => contextSize).toSorted(bySize),
  };
}
