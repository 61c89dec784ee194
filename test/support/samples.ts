import type { SampleFigures, SampleSetup } from '../../src-main/contract/index.ts';

/** What a sample was made with. */
export function newSetup(over: Partial<SampleSetup> = {}): SampleSetup {
  return {
    modelKey: 'aaaa',
    modelName: 'Mistral 7B',
    quant: 'Q4_K_M',
    sha256: 'a'.repeat(64),
    sizeBytes: 4_372_812_000,
    adapters: [],
    backend: 'cpu',
    devices: [],
    contextSize: 8192,
    gpuLayers: 0,
    threads: null,
    flashAttention: 'auto',
    cacheType: 'f16',
    sampling: { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05, repeatPenalty: 1, maxTokens: null },
    reasoning: { mode: 'auto', budgetTokens: null },
    engineVersion: 'node-llama-cpp 3.22.0 (llama.cpp b7000)',
    appVersion: '0.1.0',
    ...over,
  };
}

/** The figures of one answer; every one differs from every other, so a swapped column shows. */
export function newFigures(over: Partial<SampleFigures> = {}): SampleFigures {
  return {
    at: 1_000_000,
    purpose: 'answer',
    kind: 'warm',
    promptTokens: 300,
    reusedTokens: 100,
    reusedFrom: 'live',
    restoreMs: 2.5,
    readTokens: 200,
    rereadTokens: 12,
    generatedTokens: 120,
    guessedTokens: 33,
    guessedRight: 21,
    draftedTokens: 14,
    draftedRight: 8,
    loadMs: 12.25,
    prefillMs: 402.5,
    firstTokenMs: 420.75,
    decodeMs: 2600.5,
    tokensPerSecond: 45.75,
    stopReason: 'end',
    contextTokens: 419,
    memoryBytes: 5_000_000_000,
    vramBytes: 6_000_000_000,
    ...over,
  };
}
