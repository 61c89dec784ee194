import { describe, expect, test } from 'vitest';
import type { ShapeFacts, WeightGroup } from '../../src-main/models/gguf-shape.ts';
import { joinWeights, sumWeights } from '../../src-main/models/gguf-shape.ts';
import type { ModelHeader } from '../../src-main/models/model-header.ts';
import { correctionFrom, speedOf } from '../../src-main/models/fit/measured-speeds.ts';
import { modelShape, type ModelShape } from '../../src-main/models/fit/model-shape.ts';
import { predictFit, type FitMachine } from '../../src-main/models/fit/predict.ts';
import { kvCacheBytes, paddedContext, predictMemory } from '../../src-main/models/fit/predict-memory.ts';
import { predictSpeed, rateOf } from '../../src-main/models/fit/predict-speed.ts';
import { repackedTypes } from '../../src-main/models/fit/repack.ts';
import { slidingWindowOf } from '../../src-main/models/fit/sliding-window.ts';
import type { MachineSpeed } from '../../src-main/models/fit/speed-types.ts';

const GIB = 2 ** 30;
const KIB = 1024;

const NO_FACTS: ShapeFacts = {
  feedForwardLength: null,
  headCounts: null,
  kvHeadCounts: null,
  keyLength: null,
  valueLength: null,
  keyLengthSwa: null,
  valueLengthSwa: null,
  slidingWindow: null,
  slidingWindowPattern: null,
  sharedKvLayers: null,
  fullAttentionInterval: null,
  expertCount: null,
  expertUsedCount: null,
  nextnLayers: null,
  keyLengthMla: null,
  convolutionKernel: null,
  innerSize: null,
  stateSize: null,
  groupCount: null,
  shortConvolutionCache: null,
};

function header(
  over: Partial<ModelHeader>,
  facts: Partial<ShapeFacts>,
  groups: WeightGroup[] = [],
): ModelHeader {
  const layerCount = over.layerCount ?? 32;
  const inLayers = groups.reduce((sum, { part, bytes }) => sum + (part === 'layers' ? bytes : 0), 0);
  return {
    name: null,
    architecture: 'llama',
    kind: 'model',
    parameterCount: 0,
    tensorCount: 1,
    quant: null,
    trainedContextSize: 32_768,
    licence: null,
    chatTemplate: null,
    bosToken: null,
    eosToken: null,
    layerCount,
    headCount: 32,
    kvHeadCount: 8,
    embeddingLength: 4096,
    vocabularySize: 32_000,
    vocabularyKey: null,
    mergeCount: 0,
    tokenizer: null,
    shape: { ...NO_FACTS, ...facts },
    weights: { groups, layerBytes: Array.from({ length: layerCount }, () => inLayers / layerCount) },
    shapes: [],
    adapter: null,
    metadata: [],
    split: null,
    headerEndOffset: 0,
    dataEndOffset: 0,
    ...over,
  };
}

const group = (part: WeightGroup['part'], type: string, bytes: number): WeightGroup => ({
  part,
  type,
  bytes,
  elements: bytes * 2,
  alignedBytes: bytes,
});

function shape(
  over: Partial<ModelHeader>,
  facts: Partial<ShapeFacts>,
  groups: WeightGroup[] = [],
): ModelShape {
  const made = modelShape(header(over, facts, groups), 4 * GIB);
  if (!made) throw new Error('no shape');
  return made;
}

/** Mistral 7B's attention: 32 layers, 8 of 32 heads, 128 wide. */
const MISTRAL = { headCounts: 32, kvHeadCounts: 8, feedForwardLength: 14_336 };

const cells = (contextSize: number) => ({ contextSize, cacheType: 'f16' as const, fullWindow: false });

describe('the cache of keys and values', () => {
  test('is 128 KiB a token for Mistral 7B, as engine.md has it', () => {
    expect(kvCacheBytes(shape({}, MISTRAL), cells(8192))).toBe(8192 * 128 * KIB);
  });
  test('takes 34 bytes for 32 numbers of 8 bits', () => {
    const plan = { contextSize: 8192, cacheType: 'q8_0' as const, fullWindow: false };
    expect(kvCacheBytes(shape({}, MISTRAL), plan)).toBe((8192 * 128 * KIB * 17) / 32);
  });
  test('is four times that without grouped queries', () => {
    expect(kvCacheBytes(shape({}, { headCounts: 32 }), cells(8192))).toBe(8192 * 512 * KIB);
  });
  test('is rounded up to 256 cells', () => {
    expect(kvCacheBytes(shape({}, MISTRAL), cells(8100))).toBe(8192 * 128 * KIB);
  });
  test('keeps the window and a batch, in steps of 256, where gemma3 has windows', () => {
    const gemma = shape(
      { architecture: 'gemma3', layerCount: 18 },
      { kvHeadCounts: 1, keyLength: 256, valueLength: 256, slidingWindow: 512 },
    );
    // 15 of 18 layers have the window: 512 + 513 tokens, rounded up.
    expect(kvCacheBytes(gemma, cells(32_768))).toBe((15 * 1280 + 3 * 32_768) * KIB);
    expect(kvCacheBytes(gemma, cells(1024))).toBe(18 * 1024 * KIB);
    expect(kvCacheBytes(gemma, { ...cells(32_768), fullWindow: true })).toBe(18 * 32_768 * KIB);
  });
  test.each([
    [
      'gemma4',
      { sharedKvLayers: 10, slidingWindow: 512, slidingWindowPattern: Array<number>(30).fill(1) },
      20,
    ],
    ['gemma3n', { slidingWindow: 512 }, 20],
    ['llama', { nextnLayers: 1 }, 29],
  ])('counts only the layers of %s that have one', (architecture, facts, layers) => {
    const made = shape(
      { architecture, layerCount: 30 },
      { kvHeadCounts: 1, keyLength: 64, valueLength: 64, ...facts },
    );
    expect(made.layers.filter(({ elementsPerToken }) => elementsPerToken > 0)).toHaveLength(layers);
  });
  test('of a hybrid model is kept by its attention layers; the others have a state', () => {
    const hybrid = shape(
      { architecture: 'qwen3next', layerCount: 8 },
      {
        kvHeadCounts: 2,
        keyLength: 256,
        valueLength: 256,
        innerSize: 4096,
        stateSize: 128,
        convolutionKernel: 4,
      },
    );
    expect(hybrid.layers.map(({ elementsPerToken }) => elementsPerToken)).toEqual([
      0, 0, 0, 1024, 0, 0, 0, 1024,
    ]);
    expect(hybrid.layers[0]?.stateBytes).toBe((3 * 4096 + 128 * 4096) * 4);
  });
  test('of latent attention is one vector for both', () => {
    const made = shape(
      { architecture: 'deepseek2' },
      { kvHeadCounts: 1, keyLength: 576, valueLength: 512, keyLengthMla: 192 },
    );
    expect(made.layers[0]?.elementsPerToken).toBe(576);
  });
});

describe('windows as the engine reads them', () => {
  const of = (architecture: string, facts: Partial<ShapeFacts>, layers = 12) => {
    const window = slidingWindowOf(architecture, { ...NO_FACTS, ...facts }, layers);
    return (
      window && {
        tokens: window.tokens,
        full: Array.from({ length: layers }, (_, i) => i).filter((i) => !window.isWindowed(i)),
      }
    );
  };
  test.each([
    ['gemma2', {}, { tokens: 4096, full: [1, 3, 5, 7, 9, 11] }],
    ['gemma3', { slidingWindow: 1024 }, { tokens: 1024, full: [5, 11] }],
    ['gemma3', { slidingWindow: 512, slidingWindowPattern: 4 }, { tokens: 512, full: [3, 7, 11] }],
    ['gemma3', {}, null],
    ['gpt-oss', { slidingWindow: 128 }, { tokens: 128, full: [1, 3, 5, 7, 9, 11] }],
    ['cohere2', { slidingWindow: 4096 }, { tokens: 4096, full: [3, 7, 11] }],
    ['llama4', {}, { tokens: 8192, full: [3, 7, 11] }],
    ['llama4', { slidingWindow: 0 }, null],
    ['smallthinker', { slidingWindow: 128 }, { tokens: 4096, full: [0, 4, 8] }],
    [
      'gemma4',
      { slidingWindow: 512, slidingWindowPattern: [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0] },
      { tokens: 512, full: [2, 5, 8, 11] },
    ],
    ['phi3', { slidingWindow: 2047 }, null],
    ['llama', { slidingWindow: 4096 }, null],
    ['exaone4', { slidingWindow: 4096 }, null],
  ])('%s %j', (architecture, facts, expected) => {
    expect(of(architecture, facts)).toEqual(expected);
  });
});

describe('what the processor wants rearranged', () => {
  const types = (arch: string, flags: string[] | null) => [
    ...repackedTypes({ arch, flags: flags && new Set(flags) }),
  ];
  test('on x86 with AVX2: 4-bit types, and Q2_K with AVX-512', () => {
    expect(types('x64', ['avx2'])).toEqual(['Q4_0', 'Q4_K', 'IQ4_NL', 'MXFP4']);
    expect(types('x64', ['avx2', 'avx512f'])).toContain('Q2_K');
    expect(types('x64', ['sse4_2'])).toEqual([]);
    expect(types('x64', null)).toContain('Q4_K');
  });
  test('on ARM with dot products also five, six and eight bits', () => {
    expect(types('arm64', ['asimddp'])).toEqual(expect.arrayContaining(['Q4_K', 'Q5_K', 'Q6_K', 'Q8_0']));
    expect(types('arm64', ['fp'])).toEqual([]);
  });
});

const WEIGHTS = [
  group('embedding', 'Q4_K', 100e6),
  group('layers', 'Q4_K', 3000e6),
  group('layers', 'Q6_K', 600e6),
  group('layers', 'F32', 1e6),
  group('output', 'Q6_K', 200e6),
];
const PLAN = {
  contextSize: 4096,
  gpuLayers: 0,
  flashAttention: true,
  cacheType: 'f16' as const,
  fullWindow: false,
  liveChats: 1,
  chunkTokens: 64,
  repacked: new Set(['Q4_K']),
};

describe('memory', () => {
  test('on a processor: rearranged types are copied, the others stay mapped, the embedding is looked up', () => {
    const need = predictMemory(shape({}, MISTRAL, WEIGHTS), PLAN);
    expect(need.ram.weightsBytes).toBe(3000e6);
    expect(need.mappedInUseBytes).toBe(801e6);
    expect(need.mappedBytes).toBe(4 * GIB);
    expect(need.ram.kvCacheBytes).toBe(4096 * 128 * KIB);
    expect(need.vram).toEqual({ weightsBytes: 0, kvCacheBytes: 0, buffersBytes: 0 });
  });
  test('a tied output matrix is a copy of the embedding', () => {
    const tied = shape(
      {},
      MISTRAL,
      WEIGHTS.filter(({ part }) => part !== 'output'),
    );
    expect(predictMemory(tied, PLAN).ram.weightsBytes).toBe(3100e6);
  });
  test('all on the card: only the embedding stays behind', () => {
    const need = predictMemory(shape({}, MISTRAL, WEIGHTS), { ...PLAN, gpuLayers: 33 });
    expect(need.ram.weightsBytes).toBe(0);
    expect(need.ram.kvCacheBytes).toBe(0);
    expect(need.vram.weightsBytes).toBe(3801e6);
    expect(need.vram.kvCacheBytes).toBe(4096 * 128 * KIB);
  });
  test('half of the layers on the card: the later half and the output', () => {
    const need = predictMemory(shape({}, MISTRAL, WEIGHTS), { ...PLAN, gpuLayers: 17 });
    expect(need.vram.weightsBytes).toBe(1800.5e6 + 200e6);
    expect(need.vram.kvCacheBytes).toBe(need.ram.kvCacheBytes);
  });
  test('without flash attention the scores of every head are kept', () => {
    const made = shape({}, MISTRAL, WEIGHTS);
    const off = predictMemory(made, { ...PLAN, flashAttention: false });
    expect(off.ram.buffersBytes - predictMemory(made, PLAN).ram.buffersBytes).toBe(64 * 4096 * 32 * 4);
  });
  test('the context is rounded up, but not over what was trained', () => {
    expect(paddedContext(1000, 4096)).toBe(1024);
    expect(paddedContext(1000, 1000)).toBe(1000);
    expect(paddedContext(1100, 1000)).toBe(1280);
  });
});

const SPEED: MachineSpeed = {
  version: 2,
  key: '',
  measuredAt: 0,
  cpu: {
    rates: {
      Q4_K: { decodeBytesPerSecond: 20e9, readWeightsPerSecond: 60e9 },
      Q6_K: { decodeBytesPerSecond: 10e9, readWeightsPerSecond: 30e9 },
      F16: { decodeBytesPerSecond: 20e9, readWeightsPerSecond: null },
    },
    tokenMs: 1,
    layerMs: 0.05,
    attendedPerSecond: 5e9,
  },
  card: null,
};

describe('speed', () => {
  test('is the sum over the weights of each type, the cache and the cost of a token', () => {
    const times = predictSpeed(shape({}, MISTRAL, WEIGHTS), SPEED, { gpuLayers: 0, depth: 0 });
    // F32 norms at F16's rate.
    const expected = 3000e6 / 20e9 + 800e6 / 10e9 + 1e6 / 20e9 + (1 + 32 * 0.05) / 1000;
    expect(times?.decodeSeconds).toBeCloseTo(expected, 6);
    expect(times?.isTypeMeasured).toBe(true);
  });
  test('reading is not told where a type it needs was not timed', () => {
    expect(predictSpeed(shape({}, MISTRAL, WEIGHTS), SPEED, { gpuLayers: 0 })?.readSeconds).toBeNull();
    const noFloats = WEIGHTS.filter(({ type }) => type !== 'F32');
    const made = shape({}, MISTRAL, noFloats);
    const seconds = (depth: number) => predictSpeed(made, SPEED, { gpuLayers: 0, depth })?.readSeconds ?? 0;
    expect(seconds(0)).toBeCloseTo(6000e6 / 60e9 + 1200e6 / 30e9, 6);
    // Half of the text lies before a token on average; keys and values of 32 layers, 4,096 wide.
    expect(seconds(512) - seconds(0)).toBeCloseTo((256 * 2 * 4096 * 32) / 10e9, 6);
  });
  test('a deeper context costs what is looked at', () => {
    const made = shape({}, MISTRAL, WEIGHTS);
    const at = (depth: number) => predictSpeed(made, SPEED, { gpuLayers: 0, depth })?.decodeSeconds ?? 0;
    // Each head is compared with what its group shares, 8 of 128 numbers for keys and as many for values.
    const numbers = 4096 * 2 * 4096 * 32;
    const bytes = 4096 * 2 * 1024 * 32 * 2;
    expect(at(4096) - at(0)).toBeCloseTo(numbers / 5e9 + bytes / 20e9, 6);
  });
  test('of a mixture only the experts that are used are read', () => {
    const experts = [
      group('experts', 'Q4_K', 8000e6),
      group('layers', 'Q4_K', 1000e6),
      group('output', 'Q4_K', 100e6),
    ];
    const made = shape({}, { ...MISTRAL, expertCount: 8, expertUsedCount: 2 }, experts);
    const times = predictSpeed(
      made,
      { ...SPEED, cpu: { ...SPEED.cpu, tokenMs: 0, layerMs: 0, attendedPerSecond: 5e9 } },
      { gpuLayers: 0, depth: 0 },
    );
    expect(times?.decodeSeconds).toBeCloseTo(3100e6 / 20e9, 6);
  });
  test('a type that was not measured goes by one alike, and that is told', () => {
    expect(rateOf(SPEED.cpu, 'Q5_K')).toEqual({ rate: SPEED.cpu.rates['Q6_K'], isOwn: false });
    expect(rateOf(SPEED.cpu, 'IQ2_XS')?.rate.decodeBytesPerSecond).toBeCloseTo(10e9 / 1.5);
    expect(rateOf({ ...SPEED.cpu, rates: {} }, 'Q4_K')).toBeNull();
  });
  test('is not told for a cache that is not modelled', () => {
    expect(
      predictSpeed(shape({ architecture: 'deepseek4' }, MISTRAL, WEIGHTS), SPEED, { gpuLayers: 0 }),
    ).toBeNull();
  });
});

describe('a fit', () => {
  const machine: FitMachine = {
    ramFreeBytes: 16 * GIB,
    vram: null,
    repacked: new Set(['Q4_K']),
    speed: SPEED,
    correction: null,
  };
  const wish = {
    contextSize: null,
    gpuLayers: null,
    flashAttention: true,
    liveChats: 1,
    cacheType: 'f16' as const,
  };
  const made = shape({}, MISTRAL, WEIGHTS);

  test('takes 8,192 tokens by itself where the memory carries them', () => {
    const fit = predictFit(made, machine, wish);
    expect(fit).toMatchObject({
      contextSize: 8192,
      gpuLayers: 0,
      vram: null,
      verdict: 'fits',
      isMeasured: false,
    });
    expect(fit.weightsBytes + fit.kvCacheBytes + fit.buffersBytes).toBe(fit.ram.neededBytes + 801e6);
  });
  test('halves an automatic context until the cache takes at most half of what is free', () => {
    expect(predictFit(made, { ...machine, ramFreeBytes: 4.5 * GIB }, wish).contextSize).toBe(4096);
    expect(predictFit(made, { ...machine, ramFreeBytes: 3 * GIB }, wish).contextSize).toBe(1024);
  });
  test('keeps as many chats as a quarter of the free memory holds, four at most, and counts their caches', () => {
    const automatic = { ...wish, liveChats: null };
    const one = predictFit(made, machine, wish).kvCacheBytes;
    expect(one).toBe(8192 * 128 * KIB);
    for (const [gib, liveChats] of [
      [64, 4],
      [13, 2],
      [8, 1],
    ] as const) {
      const fit = predictFit(made, { ...machine, ramFreeBytes: gib * GIB }, automatic);
      expect(fit).toMatchObject({ liveChats, kvCacheBytes: liveChats * one });
    }
  });
  test('counts down from the chats that were asked for, as the loader does', () => {
    const wanted = { ...wish, liveChats: 4 };
    for (const [gib, liveChats] of [
      [64, 4],
      [8, 2],
      [6, 1],
    ] as const) {
      const fit = predictFit(made, { ...machine, ramFreeBytes: gib * GIB }, wanted);
      expect(fit).toMatchObject({ liveChats, kvCacheBytes: liveChats * 8192 * 128 * KIB });
    }
    const onCard = { ...machine, vram: { freeBytes: 8 * GIB, totalBytes: 8 * GIB } };
    const fit = predictFit(made, onCard, { ...wanted, gpuLayers: 33 });
    expect(fit.liveChats).toBe(3);
    expect(fit.verdict).not.toBe('does_not_fit');
  });
  test('leaves out a draft that the loader refuses', () => {
    const draft = shape({}, MISTRAL, WEIGHTS);
    const asked = { ...wish, contextSize: 8192 };
    const little = { ...machine, ramFreeBytes: 6 * GIB };
    expect(predictFit(made, little, { ...asked, draft })).toEqual(predictFit(made, little, asked));
    const both = predictFit(made, machine, { ...asked, draft });
    expect(both.ram.mappedBytes).toBe(2 * made.sizeBytes);
    const card = { ...machine, vram: { freeBytes: 7 * GIB, totalBytes: 8 * GIB } };
    const onCard = { ...asked, gpuLayers: 33 };
    expect(predictFit(made, card, { ...onCard, draft })).toEqual(predictFit(made, card, onCard));
  });
  test('a context that was asked for stays', () => {
    expect(
      predictFit(made, { ...machine, ramFreeBytes: 3 * GIB }, { ...wish, contextSize: 16_384 }),
    ).toMatchObject({
      contextSize: 16_384,
      verdict: 'does_not_fit',
    });
  });
  test.each([
    [16, 'fits'],
    [5.2, 'tight'],
    [4.2, 'does_not_fit'],
  ])('with %d GiB free: %s', (gib, verdict) => {
    expect(
      predictFit(made, { ...machine, ramFreeBytes: gib * GIB }, { ...wish, contextSize: 8192 }).verdict,
    ).toBe(verdict);
  });
  test.each([
    [8, 33, 'fits'],
    [4, undefined, 'partly'],
  ])('with a card of %d GiB', (gib, layers, verdict) => {
    const vram = { freeBytes: gib * GIB, totalBytes: gib * GIB };
    const fit = predictFit(made, { ...machine, vram }, wish);
    expect(fit.verdict).toBe(verdict);
    if (layers !== undefined) expect(fit.gpuLayers).toBe(layers);
    expect(fit.vram?.neededBytes).toBeLessThanOrEqual(gib * GIB);
    expect(fit.gpuLayers).toBeGreaterThan(0);
  });
  test('absurd claims of a header come to numbers, not to nonsense', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const absurd = shape(
      { embeddingLength: most, vocabularySize: most, layerCount: 512, headCount: 0 },
      { kvHeadCounts: most, keyLength: most, valueLength: most, feedForwardLength: most },
    );
    const fit = predictFit(absurd, machine, { ...wish, contextSize: most });
    expect(fit).toMatchObject({ verdict: 'does_not_fit', kvCacheBytes: most, ram: { neededBytes: most } });
    expect(Number.isFinite(fit.contextSize)).toBe(true);
  });
  test('the width of a speed is the error that was seen', () => {
    const width = (fit: ReturnType<typeof predictFit>) =>
      fit.decode && (fit.decode.high - fit.decode.low) / (fit.decode.high + fit.decode.low);
    expect(width(predictFit(made, machine, wish))).toBeCloseTo(0.15);
    const corrected = predictFit(
      made,
      { ...machine, correction: { decode: 0.8, read: 0.8, error: 0.08 } },
      wish,
    );
    expect(width(corrected)).toBeCloseTo(0.08);
    expect(corrected.decode?.low).toBeCloseTo(
      ((predictFit(made, machine, wish).decode?.low ?? 0) / 0.85) * 0.8 * 0.92,
    );
  });
  test('measured speeds are told as they are; unknown ones not at all', () => {
    expect(predictFit(made, machine, wish, { decode: 6.5, read: null })).toMatchObject({
      decode: { low: 6.5, high: 6.5 },
      prefill: null,
      isMeasured: true,
    });
    expect(predictFit(made, { ...machine, speed: null }, wish)).toMatchObject({
      decode: null,
      prefill: null,
    });
  });
});

describe('answers as measurements', () => {
  const answer = (tokensPerSecond: number, readTokens = 200, prefillMs = 1000) => ({
    modelId: 'a',
    backend: 'cpu',
    tokensPerSecond,
    readTokens,
    prefillMs,
    finishedAt: 0,
  });
  test('two answers are too few, three have a median', () => {
    expect(speedOf([answer(5), answer(6)])).toBeNull();
    expect(speedOf([answer(5), answer(60), answer(6)])).toEqual({ decode: 6, read: 200 });
  });
  test('a prompt of a few tokens says nothing about reading', () => {
    expect(speedOf([answer(5, 10), answer(6, 1), answer(7, 63)])).toEqual({ decode: 6, read: null });
  });
  test('models that were slower than predicted lower the others', () => {
    const compared = (measured: number, predicted: number) => ({
      measured: { decode: measured, read: null },
      predicted: { decodeSeconds: 1 / predicted, readSeconds: null, isTypeMeasured: true },
    });
    expect(correctionFrom([])).toBeNull();
    expect(correctionFrom([compared(8, 10)])).toMatchObject({ decode: 0.8, read: 0.8, error: 0.1 });
    const three = correctionFrom([compared(8, 10), compared(9, 10), compared(10, 10)]);
    expect(three?.decode).toBeCloseTo(0.9);
    expect(three?.error).toBeCloseTo(1 / 9);
  });
});

describe('sums of weights', () => {
  const tensor = (name: string, dtype: number, ...sizes: number[]) => ({
    name,
    n_dims: sizes.length,
    shape: sizes.map(BigInt),
    dtype,
    offset: 0n,
  });
  test('by what they are for, by type and by layer', () => {
    const weights = sumWeights([
      tensor('token_embd.weight', 12, 256, 100),
      tensor('blk.0.attn_q.weight', 12, 256, 16),
      tensor('blk.0.attn_norm.weight', 0, 256),
      tensor('blk.1.ffn_up_exps.weight', 12, 256, 16, 4),
      tensor('blk.1.attn_v.weight', 12, 256, 12),
      tensor('output.weight', 14, 256, 100),
      tensor('rope_freqs.weight', 0, 64),
    ]);
    expect(weights.layerBytes).toEqual([16 * 144 + 1024, (64 + 12) * 144]);
    expect(weights.groups).toEqual([
      { part: 'embedding', type: 'Q4_K', bytes: 14_400, elements: 25_600, alignedBytes: 0 },
      { part: 'layers', type: 'Q4_K', bytes: 28 * 144, elements: 28 * 256, alignedBytes: 16 * 144 },
      { part: 'layers', type: 'F32', bytes: 1024, elements: 256, alignedBytes: 0 },
      { part: 'experts', type: 'Q4_K', bytes: 64 * 144, elements: 64 * 256, alignedBytes: 64 * 144 },
      { part: 'output', type: 'Q6_K', bytes: 21_000, elements: 25_600, alignedBytes: 0 },
      { part: 'other', type: 'F32', bytes: 256, elements: 64, alignedBytes: 0 },
    ]);
    const twice = joinWeights([weights, weights]);
    expect(twice.layerBytes).toEqual(weights.layerBytes.map((bytes) => bytes * 2));
    expect(twice.groups[1]?.bytes).toBe(56 * 144);
  });
});
