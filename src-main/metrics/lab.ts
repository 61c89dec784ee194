import { randomUUID } from 'node:crypto';
import {
  appError,
  errorCodeOf,
  type BenchFailure,
  type BenchImport,
  type BenchPlan,
  type BenchProgress,
  type BenchRun,
  type Fit,
  type LabState,
  type Machine,
} from '../contract/index.ts';
import type { Engine } from '../engine/api.ts';
import type { EventBus } from '../events.ts';
import type { Models } from '../models/models.ts';
import type { Platform } from '../platform.ts';
import type { StoreClient } from '../store/api.ts';
import { benchEnvironment, benchModel, benchSettings } from './lab-environment.ts';
import { benchFile, readBenchFile } from './lab-file.ts';
import { BenchMeasure, type BenchStep } from './lab-measure.ts';
import { benchSlowdowns, comparedLines, rowsOf } from './lab-summary.ts';
import { LabWatch } from './lab-watch.ts';

export interface LabDeps {
  store: Pick<StoreClient, 'lab' | 'models' | 'provenance' | 'adapters'>;
  engine: Pick<Engine, 'state' | 'onState' | 'generate' | 'countTokens'>;
  models: Pick<Models, 'ensureLoaded' | 'ensureLoadedWith'>;
  fit: { ofModel(id: string, choice: { contextSize: number; gpuLayers: number | null }): Promise<Fit> };
  bus: EventBus;
  machine: () => Promise<Machine>;
  isOnBattery: (() => boolean) | undefined;
  log: Platform['log'];
}

type LabInput = { id: string };

/** Benchmarks and their runs; the contract's `lab` says what each call does. */
export interface Lab {
  state(): LabState;
  list(): Promise<{ rows: ReturnType<typeof rowsOf>; slowdowns: ReturnType<typeof benchSlowdowns> }>;
  compare(ids: readonly string[]): Promise<{ runs: BenchRun[]; lines: ReturnType<typeof comparedLines> }>;
  estimate(plan: BenchPlan): Promise<{ measuring: { lowMs: number; highMs: number } | null; loads: number }>;
  start(plan: BenchPlan): Promise<void>;
  cancel(keep: boolean): Promise<void>;
  rename(input: LabInput & { name: string }): Promise<void>;
  remove(input: LabInput): Promise<void>;
  restore(input: LabInput): Promise<void>;
  exportFile(ids: readonly string[]): Promise<{ fileName: string; text: string }>;
  importFile(text: string): Promise<BenchImport>;
  /** Ends what runs, and keeps what was measured. */
  close(): Promise<void>;
}

interface Running {
  readonly abort: AbortController;
  done: Promise<void>;
  keep: boolean;
}

export function createLab(deps: LabDeps): Lab {
  const { store, engine, models, fit, bus, log } = deps;
  let running: Running | null = null;
  let progress: BenchProgress | null = null;
  let failures: BenchFailure[] = [];
  // What was removed in the last run of the app can no longer be asked back.
  const purged = store.lab
    .purge(undefined)
    .catch((error: unknown) => log('lab.not_purged', { code: errorCodeOf(error) }));

  const state = (): LabState => ({ progress, failures });
  const changed = (runs: boolean) => bus.emit({ type: 'lab.changed', state: state(), runs });
  const show = (next: BenchProgress | null) => {
    progress = next;
    changed(false);
  };

  async function benchmark(plan: BenchPlan, own: Running): Promise<void> {
    const watch = new LabWatch(bus, engine);
    const before = isLoaded(engine) ? engine.state.modelId : null;
    try {
      for (const [place, modelId] of plan.modelIds.entries()) {
        if (own.abort.signal.aborted) break;
        await measureModel(plan, place, modelId, { own, watch });
      }
    } finally {
      watch.close();
      if (progress) show({ ...progress, step: 'ending', etaMs: null });
      // At the quit nothing is loaded any more.
      if (before !== null && !isClosed) await models.ensureLoaded(before).catch(() => {});
    }
  }

  async function measureModel(
    plan: BenchPlan,
    place: number,
    modelId: string,
    { own, watch }: { own: Running; watch: LabWatch },
  ): Promise<void> {
    const { signal } = own.abort;
    const model = await benchModel(store, modelId);
    const clock = new Clock(plan, place);
    const measure = new BenchMeasure({ engine, models, watch }, modelId, plan, {
      signal,
      onStep: (step) => show(progressOf(plan, place, model.name, step, measure, clock)),
    });
    const at = Date.now();
    watch.resetPeak();
    try {
      await measure.prepare();
      const facts = {
        settings: benchSettings(engine.state, plan),
        environment: await benchEnvironment(engine.state, await deps.machine(), deps.isOnBattery?.() ?? null),
      };
      clock.begin();
      const failure = await measureRepeats(measure, plan, clock);
      const isPartial = measure.repeats < plan.repeats;
      const isKept = measure.repeats > 0 && (!isPartial || own.keep);
      if (isKept) {
        const { name, depths, decodeTokens, repeats } = plan;
        await store.lab.add({
          id: randomUUID(),
          imported: false,
          name,
          at,
          elapsedMs: Date.now() - at,
          isPartial,
          model,
          ...facts,
          protocol: { depths, decodeTokens, repeats },
          figures: measure.figures,
          peakMemoryBytes: watch.peakMemoryBytes,
          peakVramBytes: watch.peakVramBytes,
          disturbed: measure.disturbed,
        });
        changed(true);
      }
      if (failure) throw failure.error;
    } catch (error) {
      if (signal.aborted) return;
      const code = errorCodeOf(error);
      log('lab.not_measured', { code });
      failures = [...failures, { modelName: model.name, code }];
    }
  }

  let isClosed = false;
  const end = async (keep: boolean) => {
    const own = running;
    if (!own) return;
    own.keep = keep;
    own.abort.abort(appError('aborted'));
    await own.done;
  };

  return {
    state,
    async list() {
      await purged;
      const runs = await store.lab.list(undefined);
      return { rows: rowsOf(runs), slowdowns: benchSlowdowns(runs) };
    },
    async compare(ids) {
      const runs = await Promise.all(ids.map((id) => store.lab.get({ id })));
      return { runs, lines: comparedLines(runs) };
    },
    async estimate(plan) {
      const { contextSize, gpuLayers } = plan.settings;
      const fits = await Promise.all(
        plan.modelIds.map((id) => fit.ofModel(id, { contextSize, gpuLayers }).catch(() => null)),
      );
      return { measuring: measuringTime(plan, fits), loads: plan.modelIds.length * (plan.repeats + 1) };
    },
    async start(plan) {
      if (running || isClosed) throw appError('conflict');
      const own: Running = { abort: new AbortController(), keep: true, done: Promise.resolve() };
      running = own;
      try {
        for (const id of plan.modelIds) await store.models.get({ id });
      } catch (error) {
        running = null;
        throw error;
      }
      failures = [];
      own.done = benchmark(plan, own)
        .catch((error: unknown) => log('lab.failed', { code: errorCodeOf(error) }))
        .then(() => {
          running = null;
          show(null);
        });
    },
    cancel: end,
    async rename(input) {
      await store.lab.rename(input);
      changed(true);
    },
    async remove({ id }) {
      await store.lab.remove({ id });
      changed(true);
    },
    async restore({ id }) {
      await store.lab.restore({ id });
      changed(true);
    },
    async exportFile(ids) {
      return benchFile(await Promise.all(ids.map((id) => store.lab.get({ id }))), Date.now());
    },
    async importFile(text) {
      const read = readBenchFile(text);
      if ('problem' in read) return { problem: read.problem, added: 0, known: 0, refused: [] };
      let added = 0;
      for (const run of read.runs) if (await store.lab.add(run)) added += 1;
      if (added > 0) changed(true);
      return { problem: null, added, known: read.runs.length - added, refused: read.refused };
    },
    async close() {
      isClosed = true;
      await end(true);
    },
  };
}

/** Repeats until all are done, it is cancelled or it fails; what was measured until then stands. */
async function measureRepeats(
  measure: BenchMeasure,
  plan: BenchPlan,
  clock: Clock,
): Promise<{ error: unknown } | null> {
  try {
    while (measure.repeats < plan.repeats) {
      await measure.repeat();
      clock.repeats = measure.repeats;
    }
    return null;
  } catch (error) {
    return { error };
  }
}

/** Tells the time that is left, by the repeats until now. */
class Clock {
  repeats = 0;
  readonly #plan: BenchPlan;
  readonly #place: number;
  #begin = performance.now();

  constructor(plan: BenchPlan, place: number) {
    this.#plan = plan;
    this.#place = place;
  }

  begin(): void {
    this.#begin = performance.now();
  }

  /** For this model and, as if they were as fast, for those after it. */
  get etaMs(): number | null {
    if (this.repeats === 0) return null;
    const { repeats, modelIds } = this.#plan;
    const elapsed = performance.now() - this.#begin;
    const left = repeats * (modelIds.length - this.#place) - this.repeats;
    // The repeat that runs has begun.
    return Math.max(0, (elapsed / this.repeats) * left);
  }
}

const STEPS_A_DEPTH = 2;

function progressOf(
  plan: BenchPlan,
  place: number,
  modelName: string,
  { step, depth, repeat }: BenchStep,
  measure: BenchMeasure,
  clock: Clock,
): BenchProgress {
  const ofRepeat = 2 + plan.depths.length * STEPS_A_DEPTH;
  const depthPlace = Math.max(0, depth === null ? 0 : plan.depths.indexOf(depth));
  const within = { preparing: 0, waiting: 0, loading: 0, cold: 1, ending: 0 };
  const stepPlace =
    step === 'warm' || step === 'follow_up'
      ? 2 + depthPlace * STEPS_A_DEPTH + (step === 'warm' ? 0 : 1)
      : within[step];
  const ofModel = Math.min(1, (measure.repeats + stepPlace / ofRepeat) / plan.repeats);
  return {
    name: plan.name,
    modelName,
    model: place + 1,
    models: plan.modelIds.length,
    step,
    depth,
    repeat,
    repeats: plan.repeats,
    done: (place + ofModel) / plan.modelIds.length,
    etaMs: clock.etaMs,
    disturbed: measure.disturbed,
  };
}

/** Time that reading and answering takes by the predicted speeds; null where a model's are not known. Pure. */
function measuringTime(
  { depths, decodeTokens, repeats }: BenchPlan,
  fits: readonly (Fit | null)[],
): { lowMs: number; highMs: number } | null {
  const [first = 0] = depths;
  const readTokens = first + depths.reduce((all, depth) => all + depth, 0);
  const answerTokens = depths.length * decodeTokens;
  let [lowMs, highMs] = [0, 0];
  for (const fit of fits) {
    if (!fit?.prefill || !fit.decode || fit.prefill.low <= 0 || fit.decode.low <= 0) return null;
    const ms = (end: 'low' | 'high') =>
      (readTokens / (fit.prefill?.[end] ?? 1) + answerTokens / (fit.decode?.[end] ?? 1)) * 1000 * repeats;
    lowMs += ms('high');
    highMs += ms('low');
  }
  return { lowMs, highMs };
}

function isLoaded({ state: { status } }: Pick<Engine, 'state'>): boolean {
  return status === 'ready' || status === 'generating' || status === 'loading';
}
