import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConversationSettings, GenerationStats } from '../../../src-main/contract/index.ts';
import type {
  FinishedMessage,
  NewMessages,
  StoredModel,
  StoredProvenance,
} from '../../../src-main/store/api.ts';

/** A folder of its own for one test; removed by `dispose`. */
export function temporaryFolder(): { path: string; dispose(): void } {
  const path = mkdtempSync(join(tmpdir(), 'leeward-store-'));
  return { path, dispose: () => rmSync(path, { recursive: true, force: true }) };
}

export const noSettings: ConversationSettings = {
  modelId: null,
  systemPrompt: '',
  sampling: null,
  reasoning: null,
  presetId: null,
};

export const fullSampling = {
  temperature: 0.25,
  topK: 12,
  topP: 0.5,
  minP: 0.125,
  repeatPenalty: 1.5,
  seed: 0xffff_ffff,
  maxTokens: 256,
};

/** Every field differs from every other, so a swapped column shows. */
export const fullStats: GenerationStats = {
  promptTokens: 101,
  reusedTokens: 60,
  reusedFrom: 'disk',
  restoreMs: 12.75,
  readTokens: 41,
  rereadTokens: 17,
  generatedTokens: 33,
  guessedTokens: 21,
  guessedRight: 12,
  draftedTokens: 9,
  draftedRight: 4,
  ttftMs: 120.5,
  firstTokenKind: 'warm',
  prefillMs: 110.25,
  decodeMs: 1000.125,
  tokensPerSecond: 31.996,
  loadMs: 2000.5,
  stopReason: 'max_tokens',
  contextSize: 4096,
  contextTokens: 134,
  seed: 7,
  temperature: 0.8,
  backend: 'cpu',
  engineVersion: '3.21.1',
};

/** A send: a user message and its empty answer, in a new conversation unless one is named. */
export function newSend(
  over: {
    conversationId?: string;
    parentId?: string | null;
    text?: string;
    at?: number;
    settings?: ConversationSettings;
  } = {},
): NewMessages & { user: NonNullable<NewMessages['user']> } {
  const conversationId = over.conversationId ?? randomUUID();
  const user = {
    id: randomUUID(),
    parentId: over.parentId ?? null,
    text: over.text ?? 'What is a lee shore?',
  };
  return {
    newConversation: over.conversationId
      ? null
      : { id: conversationId, title: 'What is a lee shore?', settings: over.settings ?? noSettings },
    conversationId,
    requestId: randomUUID(),
    user,
    assistant: {
      id: randomUUID(),
      parentId: user.id,
      modelId: randomUUID(),
      modelName: 'Test 1B',
      quant: 'Q4_0',
    },
    at: over.at ?? 1_000,
  };
}

/** Another answer to the same user message. */
export function newAnswer(conversationId: string, userMessageId: string, at = 2_000): NewMessages {
  return {
    newConversation: null,
    conversationId,
    requestId: randomUUID(),
    user: null,
    assistant: {
      id: randomUUID(),
      parentId: userMessageId,
      modelId: randomUUID(),
      modelName: 'Other 1B',
      quant: null,
    },
    at,
  };
}

export function finished(messageId: string, over: Partial<FinishedMessage> = {}): FinishedMessage {
  return {
    messageId,
    text: 'A coast the wind blows on to.',
    reasoning: '',
    status: 'complete',
    errorCode: null,
    errorDetails: null,
    stats: fullStats,
    settings: null,
    thought: null,
    at: 3_000,
    ...over,
  };
}

export function newModel(over: Partial<StoredModel> = {}): StoredModel {
  const id = randomUUID();
  return {
    id,
    kind: 'model',
    path: `/models/${id}.gguf`,
    name: 'Test 1B',
    sizeBytes: 606_000_000,
    architecture: 'llama',
    parameterCount: 1_100_000_000,
    quant: 'Q4_0',
    trainedContextSize: 2048,
    licence: 'apache-2.0',
    hasChatTemplate: true,
    parts: 1,
    addedAt: 500,
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
    ...over,
  };
}

/** Where a model of two parts came from; every value differs from every other. */
export function newProvenance(modelId: string, over: Partial<StoredProvenance> = {}): StoredProvenance {
  const hash = (letter: string) => letter.repeat(64);
  return {
    modelId,
    repo: 'owner/name',
    revision: '0123456789abcdef0123456789abcdef01234567',
    path: 'Q4/model-00001-of-00002.gguf',
    quant: 'Q4_K_M',
    licence: 'mit',
    baseModels: [{ repo: 'owner/base', relation: 'quantized' }],
    files: [
      {
        path: 'Q4/model-00001-of-00002.gguf',
        sizeBytes: 150,
        sha256: hash('a'),
        pieceBytes: 100,
        pieces: [hash('b'), hash('c')],
      },
      {
        path: 'Q4/model-00002-of-00002.gguf',
        sizeBytes: 100,
        sha256: hash('d'),
        pieceBytes: 100,
        pieces: [hash('e')],
      },
    ],
    downloadedAt: 1_000,
    verifiedAt: 2_000,
    verifyMs: 30.5,
    ...over,
  };
}
