import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { appendFile, mkdir, rename, stat } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_SAMPLING } from '../../../src-main/contract/index.ts';
import { createEngine } from '../../../src-main/engine/engine.ts';
import { startMeasuringEngine } from '../../../src-main/engine/measure.ts';
import { entries } from '../../../src-main/entries.ts';
import { idleShare } from '../../../src-main/models/fit/idle.ts';
import { measureMachine } from '../../../src-main/models/fit/measure-machine.ts';
import { predictFit } from '../../../src-main/models/fit/predict.ts';
import { readProcessorFeatures, repackedTypes } from '../../../src-main/models/fit/repack.ts';
import type { MachineSpeed } from '../../../src-main/models/fit/speed-types.ts';
import { drawShape, shapeOfFile } from '../../support/fit-shapes.ts';
import type { ModelDims } from '../../support/gguf/llama-shape.ts';
import { SHAPES, writeRandomModel, type RandomType } from '../../support/gguf/random-model.ts';
import { libraryVersion } from '../library.ts';
import { arm, ratios, type BenchRow, type Figure, type Round } from '../row.ts';
import { summarise } from '../stats.ts';

const SEED = 20_261_123;
/** Some 250 MB of layers: neither the caches nor the library's garbage decide. */
const DRAWN_MEGABYTES = 250;
const VOCABULARY = 32_000;
const ANSWERS = 3;
const ANSWER_TOKENS = 48;
/** Tokens of the answers' question: about as deep as speeds are predicted for, with half of the answer. */
const QUESTION_TOKENS = 480;
const WORDS = 'the of and to in is that it was for on are as with his they at be this have'.split(' ');

/**
 * Every shape is measured so often. The computer is measured anew before each prediction: on a shared one its speed
 * changes by half within minutes, which is not what the prediction is about.
 */
const PASSES = 3;
const IDLE_SHARE = 0.85;
const MAX_WAIT_SECONDS = 60;

interface Subject {
  name: string;
  dims: ModelDims;
  type: RandomType;
  contextSize: number;
}

/** Fixed shapes of engine.md, and one of each kind of attention drawn by seed. */
const SUBJECTS: readonly Subject[] = [
  { name: '150M', dims: SHAPES['150M'], type: 'Q4_0', contextSize: 4096 },
  { name: '1.1B', dims: SHAPES['1.1B'], type: 'Q4_0', contextSize: 1024 },
  ...(['grouped', 'full', 'windows'] as const).map((attention, index) => {
    const drawn = drawShape(attention, { seed: SEED + index, megabytes: DRAWN_MEGABYTES, type: 'Q4_0' });
    return { name: `${attention} drawn`, ...drawn };
  }),
  {
    name: 'full Q8_0 drawn',
    ...drawShape('full', { seed: SEED + 10, megabytes: DRAWN_MEGABYTES, type: 'Q8_0' }),
  },
];

async function fileOf(folder: string, index: number): Promise<string> {
  const subject = SUBJECTS[index];
  if (!subject) throw new RangeError('no such shape');
  const path = join(folder, 'models', `fit-${SEED}-${index}.gguf`);
  if (existsSync(path)) return path;
  await mkdir(join(folder, 'models'), { recursive: true });
  const { dims, type } = subject;
  await writeRandomModel(`${path}.new`, { shape: dims, type, vocabularySize: VOCABULARY });
  await rename(`${path}.new`, path);
  return path;
}

interface Prediction {
  ramBytes: number;
  mappedBytes: number;
  decode: number;
  prefill: number | null;
}

async function predict(path: string, contextSize: number, speed: MachineSpeed): Promise<Prediction> {
  const fit = predictFit(
    await shapeOfFile(path),
    {
      ramFreeBytes: 64 * 2 ** 30,
      vram: null,
      repacked: repackedTypes(await readProcessorFeatures()),
      speed,
      correction: null,
    },
    { contextSize, gpuLayers: 0, flashAttention: true, liveChats: 1, cacheType: 'f16' },
  );
  if (!fit.decode) throw new Error('no speed was predicted');
  const { low, high } = fit.decode;
  return {
    ramBytes: fit.ram.neededBytes,
    mappedBytes: fit.ram.mappedBytes,
    decode: (low + high) / 2,
    prefill: fit.prefill && (fit.prefill.low + fit.prefill.high) / 2,
  };
}

function statusBytes(pid: number, key: 'RssAnon' | 'RssFile'): number {
  const found = new RegExp(`^${key}:\\s*(\\d+) kB`, 'mu').exec(
    readFileSync(`/proc/${pid}/status`, 'utf8'),
  )?.[1];
  return Number(found) * 1024;
}

const words = (count: number) => Array.from({ length: count }, (_, i) => WORDS[i % WORDS.length]).join(' ');

interface Measured {
  ramBytes: number;
  decode: number;
  prefill: number;
}

/** Starts an engine, loads a file, answers and fills its context. Memory is that beyond the engine's without a model. */
async function measure(path: string, contextSize: number): Promise<Measured> {
  let pid = 0;
  const engine = createEngine({
    sidecarPath: entries.sidecar,
    nodeBinary: process.execPath,
    log: (event, fields) => {
      if (event === 'engine.started') pid = Number(fields?.['pid']);
    },
  });
  engine.configure({ backend: 'cpu' });
  const ask = async (count: number, maxTokens: number) => {
    const { stats, error } = await engine.generate(
      {
        generationId: randomUUID(),
        systemPrompt: '',
        turns: [{ role: 'user', text: words(count) }],
        sampling: { ...DEFAULT_SAMPLING, seed: 1, maxTokens },
      },
      { signal: new AbortController().signal, onEvent: () => {} },
    );
    if (error || !stats?.tokensPerSecond) throw error ?? new Error('no answer');
    return { decode: stats.tokensPerSecond, prefill: (stats.readTokens / stats.prefillMs) * 1000 };
  };
  const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
  try {
    await engine.start();
    const withoutBytes = statusBytes(pid, 'RssAnon');
    const { size } = await stat(path);
    await engine.load({
      modelId: randomUUID(),
      path,
      sizeBytes: size,
      fileState: '',
      contextSize,
      gpuLayers: 0,
      threads: null,
      flashAttention: 'auto',
      adapters: [],
      chatTemplate: null,
      sequences: 1,
      keepLoadedMinutes: null,
      speculation: 'off',
      draft: null,
      batchTokens: null,
      liveChats: null,
      cacheType: 'f16',
      windowCache: 'auto',
      measured: { threads: availableParallelism(), cacheDivergence: null },
    });
    const answers = [];
    for (let answer = 0; answer < ANSWERS; answer += 1)
      answers.push(await ask(Math.min(QUESTION_TOKENS + answer, contextSize / 2), ANSWER_TOKENS));
    await ask(contextSize - 96, 2);
    return {
      ramBytes: statusBytes(pid, 'RssAnon') - withoutBytes,
      decode: median(answers.map(({ decode }) => decode)),
      prefill: answers[0]?.prefill ?? Number.NaN,
    };
  } finally {
    await engine.dispose();
  }
}

/** Waits for other work to end, a minute at most: what runs beside a measurement is measured too. */
async function untilIdle(report: (line: string) => void): Promise<void> {
  for (let second = 0; second < MAX_WAIT_SECONDS; second += 1)
    if ((await idleShare(new AbortController().signal)) >= IDLE_SHARE) return;
  report('the machine did not become idle: the figures will be noisy');
}

async function machineSpeed(): Promise<MachineSpeed> {
  const figures = await measureMachine({
    startEngine: (signal) =>
      startMeasuringEngine({
        signal,
        sidecarPath: entries.sidecar,
        nodeBinary: process.execPath,
        backend: 'cpu',
      }),
    tempDir: tmpdir(),
    threads: null,
    signal: new AbortController().signal,
  });
  if (!figures) throw new Error('the measurement of the machine did not end in time');
  return { version: 2, key: 'bench', measuredAt: Date.now(), ...figures };
}

/** Medians over the passes; of errors too, so that one disturbed round decides nothing. */
function figuresOf(measured: readonly Round[]): Figure[] {
  return SUBJECTS.flatMap(({ name }, subject) => {
    const own = measured.filter((_, index) => index % SUBJECTS.length === subject);
    const figure = (label: string, unit: string, values: number[]) => ({
      name: `${name}: ${label}`,
      unit,
      ...summarise(values),
    });
    const ratio = (key: string) => ratios(own, `${key}Predicted`, key);
    const errors = (key: string) => ratio(key).map((value) => Math.abs(value - 1));
    return [
      figure('memory predicted', 'MiB', arm(own, 'memoryPredicted')),
      figure('memory measured', 'MiB', arm(own, 'memory')),
      { ...figure('memory, error', 'share', errors('memory')), target: { atMost: 0.1 } },
      figure('decode predicted', 'tok/s', arm(own, 'decodePredicted')),
      figure('decode measured', 'tok/s', arm(own, 'decode')),
      { ...figure('decode, error', 'share', errors('decode')), target: { atMost: 0.2 } },
      figure('prefill predicted / measured', 'ratio', ratio('prefill')),
    ];
  });
}

/** engine.md: predictions before the load against what is measured after it. */
export const row: BenchRow = {
  title: 'Memory and decode speed, predicted before the load against measured',
  async measure({ folder, report, rounds }) {
    if (process.platform !== 'linux') throw new Error('RssAnon is told by Linux only');
    const paths: string[] = [];
    for (const index of SUBJECTS.keys()) paths.push(await fileOf(folder, index));
    const file = join(folder, 'fit-predictions.jsonl');
    report(`predictions go to ${file}, each before its load`);
    const conditions = {
      seed: SEED,
      passes: PASSES,
      vocabulary: VOCABULARY,
      question: QUESTION_TOKENS,
      answer: ANSWER_TOKENS,
      library: libraryVersion(),
      node: process.versions.node,
      shapes: SUBJECTS.map(({ name, contextSize }) => `${name} at ${contextSize}`).join(', '),
    };
    const measured = await rounds(SUBJECTS.length * PASSES, conditions, async (round) => {
      const index = round % SUBJECTS.length;
      const [path, subject] = [paths[index], SUBJECTS[index]];
      if (path === undefined || !subject) throw new RangeError('no such shape');
      await untilIdle(report);
      const prediction = await predict(path, subject.contextSize, await machineSpeed());
      await appendFile(file, `${JSON.stringify({ round, name: subject.name, ...prediction })}\n`);
      const got = await measure(path, subject.contextSize);
      return {
        memoryPredicted: prediction.ramBytes / 2 ** 20,
        memory: got.ramBytes / 2 ** 20,
        decodePredicted: prediction.decode,
        decode: got.decode,
        prefillPredicted: prediction.prefill ?? Number.NaN,
        prefill: got.prefill,
      };
    });
    return { figures: figuresOf(measured), conditions };
  },
};
