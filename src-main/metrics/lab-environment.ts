import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { arch, platform, release } from 'node:os';
import packageJson from '../../package.json' with { type: 'json' };
import type { BenchFacts, BenchPlan, EngineState, Machine } from '../contract/index.ts';
import type { StoreClient } from '../store/api.ts';

/** Letters of a hash that tell models apart, as those of answers are told apart. */
const KEY_LENGTH = 16;
const NVIDIA_DRIVER = '/proc/driver/nvidia/version';
/** `NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  …` */
const NVIDIA_VERSION = /Kernel Module.*?\s(\d+(?:\.\d+)+)\s/u;

/** Which file was measured: by its hash where it is known, else by name, quant and size, with its adapters. */
export async function benchModel(
  store: Pick<StoreClient, 'models' | 'provenance' | 'adapters'>,
  modelId: string,
): Promise<BenchFacts['model']> {
  const [model, provenance, attached] = await Promise.all([
    store.models.get({ id: modelId }),
    store.provenance.get({ modelId }),
    store.adapters.attached(undefined),
  ]);
  const adapters = attached
    .filter((adapter) => adapter.modelId === modelId)
    .map(({ name, scale }) => ({ name, scale }));
  const { name, quant, sizeBytes } = model;
  const sha256 = provenance?.files[0]?.sha256 ?? null;
  const identity = [sha256 ?? [name, quant, sizeBytes], adapters];
  return {
    key: createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, KEY_LENGTH),
    name: [name, ...adapters.map((adapter) => adapter.name)].join(' + ').slice(0, 300),
    quant,
    sha256,
    sizeBytes,
  };
}

/** How the model was really loaded. @param state with the model in memory */
export function benchSettings(state: EngineState, { settings }: BenchPlan): BenchFacts['settings'] {
  const { contextSize, gpuLayers, tuning } = state;
  return {
    contextSize: contextSize ?? settings.contextSize,
    gpuLayers,
    threads: tuning?.threads ?? settings.threads,
    flashAttention: settings.flashAttention,
    cacheType: tuning?.cacheType ?? null,
    batchTokens: tuning?.batchTokens ?? null,
  };
}

/** What a run was made on, without the computer's name. */
export async function benchEnvironment(
  state: EngineState,
  machine: Machine,
  onBattery: boolean | null,
): Promise<BenchFacts['environment']> {
  const backend = state.backend ?? 'cpu';
  return {
    engineVersion: state.engineVersion ?? '',
    appVersion: packageJson.version,
    backend,
    devices: backend === 'cpu' ? [] : state.deviceNames.slice(0, 16),
    driver: backend === 'cpu' ? null : await driverVersion(),
    os: `${platform()} ${release()}`,
    arch: arch(),
    processor: machine.processor,
    cores: machine.cores,
    memoryTotalBytes: machine.memoryTotalBytes,
    onBattery,
  };
}

/** Only where a driver says it in a file; elsewhere the version of the system stands for it. */
async function driverVersion(): Promise<string | null> {
  try {
    const version = NVIDIA_VERSION.exec(await readFile(NVIDIA_DRIVER, 'utf8'))?.[1];
    return version === undefined ? null : `NVIDIA ${version}`;
  } catch {
    return null;
  }
}
