import { describe, expect, it } from 'vitest';
import type {
  CatalogueEntry,
  Download,
  EngineState,
  Fit,
  HubFile,
  Model,
} from '../../src-main/contract/index.ts';
import {
  damagedBytes,
  downloadLine,
  downloadShare,
  nameOfFile,
  piecesLine,
} from '../../src-renderer/screens/models/download-words.ts';
import {
  fitLine,
  fitSentence,
  paceSentence,
  speedSentence,
  speedShort,
} from '../../src-renderer/screens/models/fit-words.ts';
import { isModelAddress, nameOfRepo } from '../../src-renderer/screens/models/hub-rows.ts';
import { provenanceSheet, sheetFileName } from '../../src-renderer/screens/models/provenance-sheet.ts';
import { nearestFiles } from '../../src-renderer/screens/models/quants.ts';
import { memoryFor, roughFit, roughSpeed, suggest } from '../../src-renderer/screens/models/rough-fit.ts';
import { announcements } from '../../src-renderer/shell/download-announce.ts';
import { shieldState } from '../../src-renderer/shell/shield.ts';

const GIB = 1024 ** 3;

const download = (extra: Partial<Download> = {}): Download => ({
  id: 'd',
  kind: 'download',
  repo: 'owner/name',
  revision: 'a'.repeat(40),
  path: 'Mistral-Nemo-Instruct-2407-Q4_K_M.gguf',
  fileName: 'Mistral-Nemo-Instruct-2407-Q4_K_M.gguf',
  quant: 'Q4_K_M',
  licence: null,
  state: 'running',
  pauseReason: null,
  sizeBytes: 7.48e9,
  receivedBytes: 3.21e9,
  fetchedBytes: 3.21e9,
  bytesPerSecond: 38.4e6,
  etaMs: 111_000,
  pieces: 446,
  checkedPieces: 191,
  damagedPieces: 0,
  error: null,
  modelId: null,
  startedAt: 0,
  ...extra,
});

const fit = (extra: Partial<Fit> = {}): Fit => ({
  contextSize: 8192,
  trainedContextSize: 32_768,
  layerCount: 41,
  gpuLayers: 28,
  weightsBytes: 4.1 * GIB,
  liveChats: 1,
  kvCacheBytes: GIB,
  buffersBytes: 0.5 * GIB,
  vram: { neededBytes: 5.6 * GIB, freeBytes: 7.3 * GIB },
  ram: { neededBytes: GIB, mappedBytes: 0, freeBytes: 20 * GIB },
  verdict: 'fits',
  decode: { low: 42, high: 48 },
  prefill: null,
  isMeasured: false,
  ...extra,
});

describe('words of a download', () => {
  it.each([
    ['Mistral-Nemo-Instruct-2407-Q4_K_M.gguf', 'Q4_K_M', 'Mistral Nemo Instruct 2407'],
    ['sub/qwen3-8b.Q5_K_M-00001-of-00003.gguf', 'Q5_K_M', 'qwen3 8b'],
    ['model.gguf', null, 'model'],
    ['Q8_0.gguf', 'Q8_0', 'Q8 0'],
  ])('%s is called %s', (fileName, quant, name) => {
    expect(nameOfFile(fileName, quant)).toBe(name);
  });

  it('says what each state is about', () => {
    expect(downloadLine(download(), null)).toEqual(['3.21 of 7.48 GB', '38.4 MB/s', '1 min 51 s left']);
    expect(downloadLine(download({ state: 'waiting' }), 'Qwen3')).toEqual(['Starts after Qwen3']);
    expect(downloadLine(download({ state: 'paused', pauseReason: 'network' }), null)).toEqual([
      'No connection. Resume when ready',
      '3.21 of 7.48 GB kept',
    ]);
    expect(downloadLine(download({ state: 'repairing', damagedPieces: 2, etaMs: 900 }), null)).toEqual([
      '2 of 446 pieces again',
      '38.4 MB/s',
      '0.9 s left',
    ]);
    expect(piecesLine(download())).toBe('191 of 446 pieces checked');
    expect(piecesLine(download({ state: 'done' }))).toBeNull();
  });

  it('shows a check by pieces and a download by bytes', () => {
    expect(downloadShare(download({ receivedBytes: 3.74e9 }))).toBeCloseTo(0.5);
    expect(downloadShare(download({ state: 'checking', checkedPieces: 223 }))).toBe(0.5);
    expect(downloadShare(download({ state: 'done', receivedBytes: 0 }))).toBe(1);
    expect(downloadShare(download({ sizeBytes: 0 }))).toBe(0);
  });

  it('names the bytes of damaged pieces, by the core’s word where there is one', () => {
    expect(damagedBytes(download({ damagedPieces: 2 }))).toBe(32 * 1024 ** 2);
    const error = { code: 'checksum_mismatch', data: { damagedBytes: 17 } } as const;
    expect(damagedBytes(download({ damagedPieces: 2, error }))).toBe(17);
  });

  it('tells a screen reader the start, each quarter and the end, and nothing of what was there before', () => {
    const at = (receivedBytes: number, extra: Partial<Download> = {}) =>
      download({ sizeBytes: 100, receivedBytes, ...extra });
    const first = announcements([at(60)], null, () => undefined);
    expect(first.texts).toEqual([]);
    expect(announcements([at(70)], first.steps, () => undefined).texts).toEqual([]);
    const third = announcements([at(76)], first.steps, () => undefined);
    expect(third.texts).toEqual(['Mistral Nemo Instruct 2407, 75%']);
    const done = announcements([at(100, { state: 'done' })], third.steps, () => undefined);
    expect(done.texts).toEqual(['Mistral Nemo Instruct 2407 is complete and on the list']);
    expect(announcements([at(0)], new Map(), () => undefined).texts).toEqual([
      'Download of Mistral Nemo Instruct 2407 started',
    ]);
  });
});

describe('words of a fit', () => {
  it('is one plain sentence', () => {
    expect(fitSentence(fit())).toBe('Fits on the graphics card');
    expect(fitSentence(fit({ vram: null }))).toBe('Fits in memory');
    expect(fitSentence(fit({ verdict: 'partly' }))).toBe(
      'Partly on the processor, 28 of 41 layers on the card',
    );
    expect(fitLine(fit())).toBe('5.6 GiB on the graphics card, 7.3 GiB free');
  });

  it('shows a prediction as a range and a measurement as one figure', () => {
    expect(speedSentence(fit(), null)).toBe('42 to 48 tok/s predicted');
    expect(speedSentence(fit({ decode: { low: 46.2, high: 46.2 }, isMeasured: true }), null)).toBe(
      '46.2 tok/s measured here',
    );
    expect(speedSentence(fit({ decode: null }), null)).toBe('Speed not measured yet');
    expect(speedShort(fit({ decode: { low: 1.21, high: 1.74 } }))).toBe('1.2 to 1.7');
    expect(speedShort(fit({ decode: { low: 46.2, high: 46.2 }, isMeasured: true }))).toBe('46.2');
    expect(paceSentence({ low: 42, high: 48 })).toBe('About 8 times reading pace.');
    expect(paceSentence({ low: 1, high: 2 })).toBe('Slower than you read.');
  });
});

describe('what is said before a header was read', () => {
  const entry = (name: string, billions: number, purpose: CatalogueEntry['purpose'] = 'general') => ({
    repo: `owner/${name}`,
    quant: 'Q4_K_M',
    name,
    author: 'owner',
    licence: 'mit',
    parameterCount: billions * 1e9,
    trainedContextSize: 8192,
    purpose,
    roughSizeBytes: billions * 0.6e9,
  });
  const catalogue = [
    entry('seven', 7),
    entry('three', 3),
    entry('one', 1),
    entry('coder', 14, 'code'),
    entry('large', 14),
  ];
  const memory = (gigabytes: number, bytesPerSecond: number | null = null) => ({
    freeBytes: gigabytes * 1e9,
    besideBytes: 0,
    bytesPerSecond,
  });
  const names = (suggestions: ReturnType<typeof suggest>) => [
    suggestions.smaller?.name ?? null,
    suggestions.recommended?.name ?? null,
    suggestions.larger?.name ?? null,
  ];

  it('recommends the first of the catalogue that fits and can be read along with', () => {
    expect(names(suggest(catalogue, memory(32)))).toEqual(['three', 'seven', 'large']);
    expect(names(suggest(catalogue, memory(4)))).toEqual(['one', 'three', null]);
    expect(names(suggest(catalogue, memory(0.1)))).toEqual([null, 'one', null]);
    // 7B would be read at 2 tokens a second.
    expect(names(suggest(catalogue, memory(32, 9e9)))).toEqual(['one', 'three', 'seven']);
    expect(names(suggest(catalogue, null))).toEqual(['three', 'seven', 'large']);
    expect(suggest([], memory(4)).recommended).toBeNull();
  });

  it('knows the memory that models go to', () => {
    const engine = { backend: 'cuda', memory: { processBytes: 1, vramUsedBytes: 1, vramTotalBytes: 8e9 } };
    const machine = {
      processor: '',
      cores: 1,
      memoryTotalBytes: 32e9,
      memoryFreeBytes: 20e9,
      diskFreeBytes: null,
    };
    expect(memoryFor(machine, engine as EngineState, null)?.freeBytes).toBe(8e9);
    expect(memoryFor(machine, { ...engine, backend: 'cpu' } as EngineState, null)?.freeBytes).toBe(20e9);
    expect(memoryFor(null, { ...engine, backend: 'cpu' } as EngineState, null)).toBeNull();
    expect(roughFit(9e9, { freeBytes: 8e9, besideBytes: 20e9, bytesPerSecond: null }).verdict).toBe('partly');
    expect(roughFit(9e9, memory(8)).verdict).toBe('too_large');
  });

  it('says no speed of a mixture of experts, nor without a measurement', () => {
    expect(roughSpeed(4e9, memory(32, 40e9), 'Mistral 7B')).toEqual({ low: 7.5, high: 13 });
    expect(roughSpeed(18e9, memory(32, 40e9), 'Qwen/Qwen3-30B-A3B-GGUF')).toBeNull();
    expect(roughSpeed(4e9, memory(32), 'Mistral 7B')).toBeNull();
  });
});

describe('names and addresses', () => {
  it('tells an address from words', () => {
    for (const address of ['hf:o/n:Q4_K_M', 'https://huggingface.co/o/n', 'o/n', ' o/n '])
      expect(isModelAddress(address), address).toBe(true);
    for (const words of ['mistral 7b', 'mistral', 'a/b/c', 'see https://huggingface.co/o/n'])
      expect(isModelAddress(words), words).toBe(false);
  });

  it('reads a repository’s name', () => {
    expect(nameOfRepo('bartowski/Mistral-7B-Instruct-v0.3-GGUF')).toBe('Mistral 7B Instruct v0.3');
    expect(nameOfRepo('x/gguf')).toBe('gguf');
  });

  it('shows the files around the one that is most likely taken', () => {
    const files = 'abcdefghij'.split('').map((path) => ({ path }) as HubFile);
    const paths = (path: string | null, count: number) =>
      nearestFiles(files, path, count)
        .map((file) => file.path)
        .join('');
    expect(paths('f', 4)).toBe('defg');
    expect(paths('a', 4)).toBe('abcd');
    expect(paths('j', 4)).toBe('ghij');
    expect(paths(null, 20)).toBe('abcdefghij');
  });
});

describe('shield', () => {
  const privacy = {
    offline: false,
    offlineSince: null,
    sessionStartedAt: 0,
    connections: 4,
    refused: 0,
    lastRefusedAt: null,
    open: [
      { host: 'huggingface.co', purpose: 'models.search' },
      { host: 'cdn.hf.co', purpose: 'models.download' },
    ],
  };

  it('names the host of a download', () => {
    expect(shieldState(privacy, 0, 1000, 1)).toEqual({
      kind: 'downloading',
      downloads: 1,
      host: 'cdn.hf.co',
      connections: 4,
    });
    expect(shieldState(privacy, 0, 1000).kind).toBe('open');
    expect(shieldState({ ...privacy, open: [] }, 0, 1000, 1).kind).toBe('idle');
  });
});

describe('provenance sheet', () => {
  const model = { name: 'Mistral 7B', fileName: 'Mistral 7B:Q4.gguf', location: 'models / maker' } as Model;

  it('has every hash whole and tells what was never verified', () => {
    const sheet = provenanceSheet(model, {
      repo: 'maker/Mistral-GGUF',
      revision: 'c'.repeat(40),
      files: [1, 2].map((part) => ({
        path: `m-0000${part}-of-00002.gguf`,
        sizeBytes: 1_234_567,
        sha256: String(part).repeat(64),
      })),
      licence: null,
      baseModels: [{ repo: 'maker/Mistral', relation: 'quantized' }],
      downloadedAt: 0,
      verifiedAt: null,
      verifyMs: null,
    });
    expect(sheet.split('\n')[0]).toBe('Provenance of Mistral 7B');
    for (const text of [
      '1'.repeat(64),
      '2'.repeat(64),
      'c'.repeat(40),
      'maker/Mistral-GGUF',
      'not stated',
      'Not yet',
    ])
      expect(sheet).toContain(text);
    expect(sheetFileName(model)).toBe('Mistral-7B-Q4-provenance.txt');
  });
});
