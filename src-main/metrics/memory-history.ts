import type { EngineState, Machine, MemoryParts, MemoryReading } from '../contract/index.ts';
import type { Engine } from '../engine/api.ts';
import type { LoadedMemory } from '../models/fit/loaded-memory.ts';

/** As far back as the screen shows. */
export const HISTORY_MS = 30 * 60 * 1000;
/** The engine reads every five seconds while a model is in memory; changes of its state come between. */
const MIN_STEP_MS = 1_000;

export interface MemoryHistoryDeps {
  engine: Pick<Engine, 'state' | 'onState'>;
  /** What the model in memory takes, by its header; null when none is, or its file has gone. */
  loaded: () => Promise<LoadedMemory | null>;
  machine: () => Promise<Machine>;
  /** Name of a model of the library. */
  nameOf: (modelId: string) => Promise<string | null>;
  now?: () => number;
}

type EngineMemory = NonNullable<EngineState['memory']>;

/**
 * What memory is used for: parts by the header of the model in memory, totals as measured. Pure.
 * @param appBytes resident memory of this process
 */
export function partsOf(
  machine: Pick<Machine, 'memoryTotalBytes' | 'memoryFreeBytes'>,
  memory: EngineMemory | null,
  loaded: LoadedMemory | null,
  appBytes: number,
): { ram: MemoryParts; vram: MemoryParts | null } {
  const engineBytes = memory?.processBytes ?? 0;
  // The file's own pages are given back when others need them: they count as free, not as used.
  const { ram: model } = fitInto(loaded ?? NOTHING_LOADED, engineBytes);
  const ownBytes = engineBytes + appBytes;
  const usedBytes = machine.memoryTotalBytes - machine.memoryFreeBytes;
  const heldBytes = total(model) - Math.min(model.weightsBytes, loaded?.mappedBytes ?? 0);
  const appOwn = Math.max(0, ownBytes - total(model));
  const ram = { ...model, appBytes: appOwn, otherBytes: Math.max(0, usedBytes - heldBytes - appOwn) };
  if (memory === null || memory.vramTotalBytes === null || memory.vramTotalBytes === 0)
    return { ram, vram: null };
  const vramUsed = memory.vramUsedBytes ?? 0;
  const { vram: card } = fitInto(loaded ?? NOTHING_LOADED, engineBytes, vramUsed);
  return {
    ram,
    vram: { ...card, appBytes: 0, otherBytes: Math.max(0, vramUsed - total(card)) },
  };
}

const NOTHING = { weightsBytes: 0, kvCacheBytes: 0, buffersBytes: 0 };
const NOTHING_LOADED: LoadedMemory = { ram: NOTHING, mappedBytes: 0, vram: NOTHING };

const total = ({ weightsBytes, kvCacheBytes, buffersBytes }: LoadedMemory['ram']): number =>
  weightsBytes + kvCacheBytes + buffersBytes;

/**
 * No more than was measured: a cache is taken whole but only touched as it fills, and pages of a file come as they
 * are used. What is not there yet is taken off the buffers and the cache first.
 */
function fitInto(loaded: LoadedMemory, ramBytes: number, vramBytes = 0): Pick<LoadedMemory, 'ram' | 'vram'> {
  const inside = (parts: LoadedMemory['ram'], limit: number): LoadedMemory['ram'] => {
    const weightsBytes = Math.min(parts.weightsBytes, limit);
    const kvCacheBytes = Math.min(parts.kvCacheBytes, limit - weightsBytes);
    return {
      weightsBytes,
      kvCacheBytes,
      buffersBytes: Math.min(parts.buffersBytes, limit - weightsBytes - kvCacheBytes),
    };
  };
  const { ram, mappedBytes, vram } = loaded;
  const resident = { ...ram, weightsBytes: ram.weightsBytes + mappedBytes };
  return { ram: inside(resident, ramBytes), vram: inside(vram, vramBytes) };
}

/** Keeps what memory was used for. No timer of its own: a computer that does nothing is left alone. */
export class MemoryHistory {
  readonly #deps: MemoryHistoryDeps;
  readonly #now: () => number;
  #readings: MemoryReading[] = [];
  #reading: Promise<void> | null = null;
  /** What does not change while a model is in memory: nothing of it is read again every five seconds. */
  #model: { key: string; need: LoadedMemory | null; name: string | null } | null = null;
  readonly #stop: () => void;

  constructor(deps: MemoryHistoryDeps) {
    this.#deps = deps;
    this.#now = deps.now ?? Date.now;
    let last = deps.engine.state.memory;
    this.#stop = deps.engine.onState(({ memory }) => {
      if (memory === last) return;
      last = memory;
      void this.#read(MIN_STEP_MS);
    });
  }

  /** Every reading of the last 30 minutes, oldest first, with one of now. */
  async read(): Promise<{ ramTotalBytes: number; vramTotalBytes: number | null; readings: MemoryReading[] }> {
    await this.#read(0);
    const machine = await this.#deps.machine();
    const { memory } = this.#deps.engine.state;
    return {
      ramTotalBytes: machine.memoryTotalBytes,
      vramTotalBytes: memory?.vramTotalBytes || null,
      readings: this.#readings,
    };
  }

  close(): void {
    this.#stop();
  }

  async #read(minStepMs: number): Promise<void> {
    if (this.#reading) return this.#reading;
    if (this.#now() - (this.#readings.at(-1)?.at ?? 0) < minStepMs) return;
    this.#reading = this.#take()
      // A reading that cannot be had leaves a gap.
      .catch(() => {})
      .finally(() => (this.#reading = null));
    return this.#reading;
  }

  async #take(): Promise<void> {
    const { engine, machine } = this.#deps;
    const { memory } = engine.state;
    const [model, computer] = await Promise.all([this.#loadedModel(), machine()]);
    const at = this.#now();
    const parts = partsOf(computer, memory, model?.need ?? null, process.memoryUsage.rss());
    const kept = this.#readings.filter((reading) => reading.at > at - HISTORY_MS);
    this.#readings = [...kept, { at, modelName: model?.name ?? null, ...parts }];
  }

  async #loadedModel(): Promise<{ need: LoadedMemory | null; name: string | null } | null> {
    const { engine, loaded, nameOf } = this.#deps;
    const { modelId, contextSize, gpuLayers, liveChats, tuning } = engine.state;
    if (modelId === null || contextSize === null) return (this.#model = null);
    const key = JSON.stringify([modelId, contextSize, gpuLayers, liveChats, tuning]);
    if (this.#model?.key !== key) {
      const [need, name] = await Promise.all([loaded(), nameOf(modelId)]);
      this.#model = { key, need, name };
    }
    return this.#model;
  }
}
