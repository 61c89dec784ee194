import { createHash } from 'node:crypto';
import packageJson from '../../package.json' with { type: 'json' };
import {
  errorCodeOf,
  type GenerationSettings,
  type GenerationStats,
  type SampleFigures,
  type SamplePurpose,
  type SampleSetup,
} from '../contract/index.ts';
import type { Engine } from '../engine/api.ts';
import { GUIDE_ID } from '../models/guide.ts';
import type { Platform } from '../platform.ts';
import type { SettingsService } from '../settings/settings.ts';
import type { StoreClient } from '../store/api.ts';
import { firstTokenKindOf } from './first-token.ts';

/** Letters of a hash that tell models apart; there are never more than some hundreds. */
const KEY_LENGTH = 16;

/** What is known of a generation at its end. */
export interface RecordedGeneration {
  purpose: SamplePurpose;
  /** Its chat is asked whether it is temporary, and is not kept. */
  conversationId: string;
  modelId: string;
  stats: GenerationStats | null;
  /** null where there are none: a title. */
  settings: GenerationSettings | null;
}

/** Follows one generation from before its model is loaded. */
export interface Recording {
  /** The figures with what the wait was made of, which only the core knows. */
  settle(stats: GenerationStats): GenerationStats;
  /** Keeps the figures, without text. Never rejects: a figure that is lost must not cost an answer. */
  keep(generation: RecordedGeneration): Promise<void>;
}

export interface Recorder {
  begin(): Recording;
  close(): void;
}

export interface RecorderDeps {
  store: Pick<StoreClient, 'samples' | 'models' | 'adapters' | 'provenance' | 'conversations'>;
  engine: Pick<Engine, 'state' | 'onState'>;
  settings: Pick<SettingsService, 'get'>;
  log: Platform['log'];
}

/** Records what every generation cost. Chats that are in memory only leave nothing. */
export function createRecorder(deps: RecorderDeps): Recorder {
  const { store, engine, log } = deps;
  /** Nothing was read since the model was loaded. */
  let isFresh = true;
  const following = new Set<Peak>();
  const stop = engine.onState(({ status, memory }) => {
    if (status === 'loading') isFresh = true;
    for (const peak of following) peak.note(memory);
  });

  async function keep(generation: RecordedGeneration, peak: Peak): Promise<void> {
    const { stats, purpose, conversationId } = generation;
    // The guide's speed says nothing of the models that are compared here.
    if (!stats || generation.modelId === GUIDE_ID) return;
    const { temporary } = await store.conversations.head({ id: conversationId });
    if (temporary) return;
    const setup = await setupOf(deps, generation.modelId, stats, generation.settings);
    await store.samples.add({ setup, figures: figuresOf(stats, purpose, peak) });
  }

  return {
    begin() {
      const peak = new Peak();
      peak.note(engine.state.memory);
      following.add(peak);
      return {
        settle(stats) {
          const firstTokenKind = firstTokenKindOf(stats, isFresh);
          if (stats.readTokens > 0) isFresh = false;
          return { ...stats, firstTokenKind };
        },
        async keep(generation) {
          following.delete(peak);
          try {
            await keep(generation, peak);
          } catch (error) {
            log('metrics.not_recorded', { code: errorCodeOf(error) });
          }
        },
      };
    },
    close: stop,
  };
}

/** The highest readings of memory. */
class Peak {
  memoryBytes: number | null = null;
  vramBytes: number | null = null;

  note(memory: Engine['state']['memory']): void {
    if (!memory) return;
    this.memoryBytes = Math.max(this.memoryBytes ?? 0, memory.processBytes);
    if (memory.vramUsedBytes !== null) this.vramBytes = Math.max(this.vramBytes ?? 0, memory.vramUsedBytes);
  }
}

function figuresOf(
  stats: GenerationStats,
  purpose: SamplePurpose,
  { memoryBytes, vramBytes }: Peak,
): SampleFigures {
  const { ttftMs, loadMs } = stats;
  return {
    at: Date.now(),
    purpose,
    kind: stats.firstTokenKind,
    promptTokens: stats.promptTokens,
    reusedTokens: stats.reusedTokens,
    reusedFrom: stats.reusedFrom,
    restoreMs: stats.restoreMs,
    readTokens: stats.readTokens,
    rereadTokens: stats.rereadTokens,
    generatedTokens: stats.generatedTokens,
    guessedTokens: stats.guessedTokens,
    guessedRight: stats.guessedRight,
    draftedTokens: stats.draftedTokens,
    draftedRight: stats.draftedRight,
    loadMs,
    prefillMs: stats.prefillMs,
    firstTokenMs: ttftMs === null ? null : ttftMs + loadMs,
    decodeMs: stats.decodeMs,
    tokensPerSecond: stats.tokensPerSecond,
    stopReason: stats.stopReason,
    contextTokens: stats.contextTokens,
    memoryBytes,
    vramBytes,
  };
}

async function setupOf(
  { store, engine, settings }: RecorderDeps,
  modelId: string,
  stats: GenerationStats,
  made: GenerationSettings | null,
): Promise<SampleSetup> {
  const [model, provenance, attached] = await Promise.all([
    store.models.get({ id: modelId }),
    store.provenance.get({ modelId }),
    store.adapters.attached(undefined),
  ]);
  const adapters = attached
    .filter((adapter) => adapter.modelId === modelId)
    .map(({ name, scale }) => ({ name, scale }));
  const { name, quant, sizeBytes } = model;
  const sha256 = made?.model.sha256 ?? provenance?.files[0]?.sha256 ?? null;
  const identity = [sha256 ?? [name, quant, sizeBytes], adapters];
  const { deviceNames, gpuLayers, tuning, modelId: loadedId } = engine.state;
  const own = loadedId === modelId ? tuning : null;
  const general = settings.get();
  return {
    modelKey: createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, KEY_LENGTH),
    modelName: [name, ...adapters.map((adapter) => adapter.name)].join(' + '),
    quant,
    sha256,
    sizeBytes,
    adapters,
    backend: stats.backend,
    devices: stats.backend === 'cpu' ? [] : deviceNames,
    contextSize: stats.contextSize,
    gpuLayers: made?.gpuLayers ?? gpuLayers,
    threads: own?.threads ?? made?.threads ?? model.settings.threads ?? general.threads,
    flashAttention: model.settings.flashAttention ?? general.flashAttention,
    cacheType: own?.cacheType ?? null,
    sampling: made && withoutSeed(made.sampling),
    reasoning: made?.reasoning ?? null,
    engineVersion: stats.engineVersion,
    appVersion: made?.appVersion ?? packageJson.version,
  };
}

function withoutSeed({ seed: _seed, ...sampling }: GenerationSettings['sampling']): SampleSetup['sampling'] {
  return sampling;
}
