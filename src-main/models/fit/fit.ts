import { tmpdir } from 'node:os';
import { appError, type Fit } from '../../contract/index.ts';
import type { Engine } from '../../engine/api.ts';
import { startMeasuringEngine } from '../../engine/measure.ts';
import { entries } from '../../entries.ts';
import type { EventBus } from '../../events.ts';
import type { Platform } from '../../platform.ts';
import type { SettingsService } from '../../settings/settings.ts';
import type { StoreClient, StoredSpeed } from '../../store/api.ts';
import type { GgufHeader } from '../gguf-summary.ts';
import { readMachine } from '../machine.ts';
import { joinHeaders } from '../model-header.ts';
import type { Models } from '../models.ts';
import { draftShape, loadedMemory, type LoadedMemory } from './loaded-memory.ts';
import { measureMachine } from './measure-machine.ts';
import { correctionFrom, speedOf, type Compared } from './measured-speeds.ts';
import { modelShape, type ModelShape } from './model-shape.ts';
import { predictFit, type FitMachine, type FitWish } from './predict.ts';
import { predictSpeed } from './predict-speed.ts';
import { readProcessorFeatures, repackedTypes } from './repack.ts';
import { createSpeedKeeper, type SpeedState } from './speed-keeper.ts';
import type { MachineSpeed } from './speed-types.ts';

/** What the user has set by hand; null: what the app would choose. */
export interface FitChoice {
  contextSize: number | null;
  gpuLayers: number | null;
}

/** A file on the hub at one commit. */
export interface FitFile {
  repo: string;
  revision: string;
  path: string;
}

/** Reads the headers of all parts of a file on the hub, in order. */
export type RemoteHeaderOf = (
  file: FitFile,
) => Promise<{ file: { sizeBytes: number; modelId: string | null }; parts: readonly GgufHeader[] }>;

/** How models would sit in this computer's memory, and how fast they would be. */
export interface FitService {
  /** @throws not_found, model_file_missing and the header's errors */
  ofModel(id: string, choice: FitChoice): Promise<Fit>;
  /** @throws what reading the remote header throws, and the header's errors */
  ofHubFile(file: FitFile, choice: FitChoice): Promise<Fit>;
  speed(): Promise<SpeedState>;
  /** What the model in memory takes; null without one. */
  loaded(): Promise<LoadedMemory | null>;
  /** Stops measuring. Before the engine and the store end. */
  close(): Promise<void>;
}

interface FitOptions {
  engine: Pick<Engine, 'state' | 'onState'>;
  models: Pick<Models, 'headerOf'>;
  remoteHeader: RemoteHeaderOf;
  store: Pick<StoreClient, 'generations'>;
  settings: Pick<SettingsService, 'get'>;
  bus: Pick<EventBus, 'emit' | 'on'>;
  platform: Pick<Platform, 'paths' | 'nodeBinary' | 'log'>;
}

/** Answers that are looked at for measured speeds. */
const RECENT_ANSWERS = 200;
/** Models that correct the prediction of others: the ones used last. */
const COMPARED_MODELS = 4;

export function createFit(options: FitOptions): FitService {
  const { engine, models, remoteHeader, settings, bus, platform } = options;
  const { dataDir } = platform.paths;
  const changed = () => bus.emit({ type: 'fit.changed' });
  const repacked = readProcessorFeatures().then(repackedTypes);

  const keeper = createSpeedKeeper({
    engine,
    dataDir,
    onChange: changed,
    log: platform.log.bind(platform),
    key: () => speedKey(dataDir, engine, settings.get().threads),
    measure: (signal) =>
      measureMachine({
        startEngine: (ending) =>
          startMeasuringEngine({
            signal: ending,
            sidecarPath: entries.sidecar,
            nodeBinary: platform.nodeBinary,
            backend: settings.get().backend,
          }),
        tempDir: tmpdir(),
        threads: settings.get().threads,
        signal,
      }),
  });

  const answers = createAnswers(options, () => keeper.current());
  const stopListening = bus.on((event) => {
    if (event.type !== 'generation.settled') return;
    answers.forget();
    changed();
  });

  const predict = async (
    shape: ModelShape,
    { modelId, wish, isOwnChoice }: { modelId: string | null; wish: FitWish; isOwnChoice: boolean },
  ): Promise<Fit> => {
    const [machine, speed, types] = await Promise.all([readMachine(dataDir), keeper.current(), repacked]);
    const loaded = await loadedNeed(options, types);
    const measured = modelId !== null && isOwnChoice ? await answers.of(modelId) : null;
    return predictFit(
      shape,
      {
        ramFreeBytes: Math.min(machine.memoryTotalBytes, machine.memoryFreeBytes + loaded.ramBytes),
        vram: cardMemory(engine, loaded.vramBytes),
        repacked: types,
        speed,
        correction: await answers.correction(modelId),
      },
      wish,
      measured,
    );
  };

  return {
    async ofModel(id, { contextSize, gpuLayers }) {
      const { header, sizeBytes, settings: own } = await models.headerOf(id);
      const general = settings.get();
      const wish: FitWish = {
        contextSize: contextSize ?? own.contextSize ?? general.contextSize,
        gpuLayers: gpuLayers ?? own.gpuLayers,
        liveChats: own.liveChats,
        flashAttention: (own.flashAttention ?? general.flashAttention) !== 'off',
        cacheType: own.cacheType ?? 'f16',
        draft: await draftShape(models, own),
      };
      // Answers tell the speed of the layers that they were made with.
      const isOwnChoice = gpuLayers === null || gpuLayers === own.gpuLayers || engine.state.backend === 'cpu';
      return predict(shapeOf(modelShape(header, sizeBytes)), { modelId: id, wish, isOwnChoice });
    },
    async ofHubFile(file, { contextSize, gpuLayers }) {
      const { file: facts, parts } = await remoteHeader(file);
      const general = settings.get();
      const wish: FitWish = {
        contextSize: contextSize ?? general.contextSize,
        gpuLayers,
        liveChats: null,
        flashAttention: general.flashAttention !== 'off',
        cacheType: 'f16',
      };
      const shape = shapeOf(modelShape(joinHeaders(parts), facts.sizeBytes));
      return predict(shape, { modelId: facts.modelId, wish, isOwnChoice: gpuLayers === null });
    },
    speed: () => keeper.state(),
    loaded: async () => loadedMemory({ engine, models }, await repacked),
    async close() {
      stopListening();
      await keeper.close();
    },
  };
}

function shapeOf(shape: ModelShape | null): ModelShape {
  if (!shape) throw appError('model_malformed', { reason: 'shape' });
  return shape;
}

/** Figures hold for one processor, thread count and engine. */
async function speedKey(
  dataDir: string,
  engine: Pick<Engine, 'state'>,
  threads: number | null,
): Promise<string | null> {
  const { backend, deviceNames, engineVersion } = engine.state;
  if (backend === null) return null;
  const { processor, cores } = await readMachine(dataDir);
  return JSON.stringify([processor, cores, threads, backend, deviceNames, engineVersion]);
}

/** What unloading would give back. */
async function loadedNeed(
  { engine, models }: Pick<FitOptions, 'engine' | 'models'>,
  repacked: ReadonlySet<string>,
): Promise<{ ramBytes: number; vramBytes: number }> {
  // Its file may have gone: what it takes is then counted as not free.
  const loaded = await loadedMemory({ engine, models }, repacked);
  if (!loaded) return { ramBytes: 0, vramBytes: 0 };
  const total = ({ weightsBytes, kvCacheBytes, buffersBytes }: LoadedMemory['ram']) =>
    weightsBytes + kvCacheBytes + buffersBytes;
  const { memory } = engine.state;
  return {
    ramBytes: Math.min(total(loaded.ram), memory?.processBytes ?? Infinity),
    vramBytes: total(loaded.vram),
  };
}

function cardMemory({ state }: Pick<Engine, 'state'>, givenBackBytes: number): FitMachine['vram'] {
  const { backend, memory } = state;
  if (backend === 'cpu' || !memory || memory.vramTotalBytes === null || memory.vramTotalBytes === 0)
    return null;
  const usedBytes = Math.max(0, (memory.vramUsedBytes ?? 0) - givenBackBytes);
  return {
    freeBytes: Math.max(0, Math.round(memory.vramTotalBytes - usedBytes)),
    totalBytes: memory.vramTotalBytes,
  };
}

/** What real answers say, read once until the next one. */
function createAnswers(
  { engine, models, store }: Pick<FitOptions, 'engine' | 'models' | 'store'>,
  machineSpeed: () => Promise<MachineSpeed | null>,
) {
  let recent: Promise<StoredSpeed[]> | null = null;
  const comparisons = new Map<string, Promise<Compared | null>>();

  const speeds = async (): Promise<StoredSpeed[]> => {
    recent ??= store.generations.speeds({ limit: RECENT_ANSWERS });
    const all = await recent;
    return all.filter(({ backend }) => backend === engine.state.backend);
  };

  const of = async (modelId: string) =>
    speedOf((await speeds()).filter((speed) => speed.modelId === modelId));

  const compare = async (modelId: string): Promise<Compared | null> => {
    try {
      const [measured, speed] = [await of(modelId), await machineSpeed()];
      if (!measured || !speed) return null;
      const { header, sizeBytes, settings } = await models.headerOf(modelId);
      const shape = modelShape(header, sizeBytes);
      const gpuLayers = settings.gpuLayers ?? (speed.card ? (shape?.layerCount ?? 0) + 1 : 0);
      const predicted = shape && predictSpeed(shape, speed, { gpuLayers });
      return predicted ? { measured, predicted } : null;
    } catch {
      // The model or its file has gone: others tell.
      return null;
    }
  };

  return {
    of,
    /** From other models than this one. */
    async correction(modelId: string | null): Promise<FitMachine['correction']> {
      const ids = new Set((await speeds()).map((speed) => speed.modelId));
      const compared: Compared[] = [];
      for (const id of [...ids].filter((other) => other !== modelId).slice(0, COMPARED_MODELS)) {
        const comparison = comparisons.get(id) ?? compare(id);
        comparisons.set(id, comparison);
        const result = await comparison;
        if (result) compared.push(result);
      }
      return correctionFrom(compared);
    },
    forget() {
      recent = null;
      comparisons.clear();
    },
  };
}
