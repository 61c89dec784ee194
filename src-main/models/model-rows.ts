import { randomUUID } from 'node:crypto';
import { appError, type ModelDetails, type ModelSettings } from '../contract/index.ts';
import type { LoadRequest } from '../engine/api.ts';
import type { SettingsService } from '../settings/settings.ts';
import type { StoredModel } from '../store/api.ts';
import type { FoundModel } from './model-files.ts';
import type { ModelHeader } from './model-header.ts';
import { modelName } from './model-text.ts';

/** The columns that come from the file. */
export function factsOf(found: FoundModel, header: ModelHeader) {
  return {
    kind: header.adapter === null ? ('model' as const) : ('adapter' as const),
    path: found.path,
    name: modelName(header.name, found.fileName),
    sizeBytes: found.sizeBytes,
    architecture: header.architecture,
    parameterCount: header.parameterCount,
    quant: header.quant,
    trainedContextSize: header.trainedContextSize,
    licence: header.licence,
    hasChatTemplate: header.chatTemplate !== null,
    parts: found.partPaths.length,
  };
}

/** The row of a file that was not on the list. */
export function newRow(found: FoundModel, header: ModelHeader): StoredModel {
  return {
    id: randomUUID(),
    ...factsOf(found, header),
    addedAt: Date.now(),
    lastUsedAt: null,
    lastLoadCrashed: false,
    settings: {
      contextSize: null,
      gpuLayers: null,
      threads: null,
      flashAttention: null,
      sampling: null,
      chatTemplate: null,
      keepLoadedMinutes: null,
      speculation: null,
      cacheType: null,
      liveChats: null,
      draftModelId: null,
    },
    notes: '',
  };
}

export function detailsOf(header: ModelHeader): Omit<ModelDetails, 'model'> {
  const { chatTemplate, layerCount, headCount, kvHeadCount } = header;
  const { embeddingLength, vocabularySize, tokenizer, metadata } = header;
  return {
    chatTemplate,
    layerCount,
    headCount,
    kvHeadCount,
    embeddingLength,
    vocabularySize,
    tokenizer,
    metadata,
  };
}

/** @throws model_unsupported_architecture for an adapter: it answers with a model only */
export function expectModel({ kind }: StoredModel): void {
  if (kind === 'adapter') throw appError('model_unsupported_architecture', { architecture: 'adapter' });
}

/** How a model is loaded. @param fileState of its files and those of its adapters */
export function loadRequest(
  row: StoredModel,
  files: {
    found: FoundModel;
    fileState: string;
    adapters: LoadRequest['adapters'];
    draft: LoadRequest['draft'];
  },
  settings: SettingsService,
): LoadRequest {
  const general = settings.get();
  return {
    modelId: row.id,
    path: files.found.path,
    sizeBytes: files.found.sizeBytes,
    fileState: files.fileState,
    contextSize: row.settings.contextSize ?? general.contextSize,
    gpuLayers: row.settings.gpuLayers,
    threads: row.settings.threads ?? general.threads,
    flashAttention: row.settings.flashAttention ?? general.flashAttention,
    adapters: files.adapters,
    chatTemplate: row.settings.chatTemplate,
    speculation: row.settings.speculation ?? 'auto',
    draft: files.draft,
    batchTokens: null,
    cacheType: row.settings.cacheType ?? 'f16',
    windowCache: 'auto',
    measured: { threads: null, cacheDivergence: null },
    sequences: null,
    liveChats: row.settings.liveChats,
    keepLoadedMinutes: row.settings.keepLoadedMinutes,
  };
}

export function withoutUndefined(patch: { [K in keyof ModelSettings]?: ModelSettings[K] | undefined }) {
  const set = Object.entries(patch).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set) as Partial<ModelSettings>;
}
