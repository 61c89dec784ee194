import { GgmlType, type LlamaContextOptions, type LlamaModel, type Token } from 'node-llama-cpp';
import type { LoadInput } from './contract.ts';
import type { CacheOptions } from './memory.ts';

/** Below this, handing a token from thread to thread takes longer than computing it. */
const SINGLE_THREAD_BYTES = 50 * 1024 * 1024;
/** A core more that wins less than this is better left to other programs. */
const WORTH_A_THREAD = 0.03;
/** Tokens that are timed with each number of threads, at most; the fastest counts: others only make one slower. */
const TIMED_TOKENS = 6;
const LEAST_TIMED_TOKENS = 3;
/** So long each number of threads is timed, in ms: a first load is not to feel longer for it. */
const TIMED_MS = 400;
/** Of the contexts that something is tried in. */
const TRIAL_CONTEXT = 256;

/**
 * How far the next-token probabilities may move for a smaller cache, in nats, on average over a text. Rounding all
 * weights to 8 bits moves them by about 0.001, to 4 bits by 0.02 to 0.05.
 */
export const MAX_CACHE_DIVERGENCE = 0.01;
/** Positions whose probabilities are compared: those at the end, which look back over all others. */
const COMPARED_TOKENS = 32;
/** Everyday prose: what any model expects to read. */
const CHECK_TEXT =
  'The river rises in the hills behind the old mill and runs for about twelve miles before it reaches the sea. In ' +
  'spring, when the snow melts, it often floods the meadows on both sides, and the farmers move their sheep to higher ' +
  'ground. Nobody remembers who built the stone bridge, but the date above its middle arch says 1742. Every year on ' +
  'the first Sunday in May the people of the three villages meet there, bring bread and cheese, and listen to music ' +
  'until it gets dark. ';

/** The caches that are known to work: F16, and 8 bits for both keys and values. */
export const CACHE_TYPES: Record<LoadInput['cacheType'], Omit<CacheOptions, 'swaFullCache'>> = {
  f16: { experimentalKvCacheKeyType: GgmlType.F16, experimentalKvCacheValueType: GgmlType.F16 },
  q8_0: { experimentalKvCacheKeyType: GgmlType.Q8_0, experimentalKvCacheValueType: GgmlType.Q8_0 },
};

/** Numbers of threads worth trying: all cores that compute, three quarters and half of them. Pure. */
export function threadCandidates(cores: number): number[] {
  const all = [cores, Math.ceil(cores * 0.75), Math.ceil(cores / 2), 1];
  return [...new Set(all.map((threads) => Math.max(1, threads)))].slice(0, 3);
}

/** The fewest threads that are about as fast as any. Pure. @param timed milliseconds a token */
export function bestThreads(timed: readonly { threads: number; ms: number }[]): number | null {
  const fastest = Math.min(...timed.map(({ ms }) => ms));
  const good = timed.filter(({ ms }) => ms <= fastest * (1 + WORTH_A_THREAD));
  return good.toSorted((a, b) => a.threads - b.threads)[0]?.threads ?? null;
}

/** What is known without measuring; null: it has to be. Pure. */
export function knownThreads(input: {
  threads: number | null;
  measured: number | null;
  sizeBytes: number;
  cores: number;
}): number | null {
  if (input.threads !== null) return input.threads;
  if (input.sizeBytes < SINGLE_THREAD_BYTES || input.cores <= 1) return 1;
  return input.measured;
}

/** Times single tokens with some numbers of threads. @throws the signal's reason; what creating a context throws */
export async function measureThreads(
  model: LlamaModel,
  {
    cores,
    signal,
    now = () => performance.now(),
  }: { cores: number; signal: AbortSignal; now?: () => number },
): Promise<number | null> {
  const tokens = model.tokenize(CHECK_TEXT).slice(0, TIMED_TOKENS + 1);
  const timed: { threads: number; ms: number }[] = [];
  for (const threads of threadCandidates(cores)) {
    const ms = await withTrial(model, { threads, createSignal: signal }, async (sequence) => {
      const [first, ...rest] = tokens;
      if (first !== undefined) await sequence.evaluateWithoutGeneratingNewTokens([first]);
      const startMs = now();
      let fastest = Infinity;
      for (const [index, token] of rest.entries()) {
        signal.throwIfAborted();
        if (index >= LEAST_TIMED_TOKENS && now() - startMs > TIMED_MS) break;
        const tokenMs = now();
        await sequence.evaluateWithoutGeneratingNewTokens([token]);
        fastest = Math.min(fastest, now() - tokenMs);
      }
      return fastest;
    });
    if (Number.isFinite(ms)) timed.push({ threads, ms });
  }
  return bestThreads(timed);
}

/**
 * How far a smaller cache moves this model's next-token probabilities from those with 16-bit floats, in nats; null
 * when this model or machine cannot have such a cache.
 * @throws the signal's reason
 */
export async function measureCacheDivergence(
  model: LlamaModel,
  options: { cacheType: LoadInput['cacheType']; context: LlamaContextOptions; signal: AbortSignal },
): Promise<number | null> {
  const { cacheType, context, signal } = options;
  const tokens = model.tokenize(CHECK_TEXT).slice(0, TRIAL_CONTEXT - 1);
  const tablesWith = async (type: LoadInput['cacheType']) =>
    withTrial(model, { ...context, ...CACHE_TYPES[type], createSignal: signal }, async (sequence) => {
      const from = Math.max(0, tokens.length - COMPARED_TOKENS);
      // Not greedy: its sampler would keep one token of each table.
      const generateNext = { probabilities: true, options: { temperature: 1, topK: 0, topP: 1, minP: 0 } };
      const outputs = await sequence.controlledEvaluate(
        tokens.map((token, index) => (index < from ? token : [token, { generateNext }])),
      );
      return outputs.slice(from).flatMap((output) => output?.next.probabilities ?? []);
    });
  try {
    const [plain, small] = [await tablesWith('f16'), await tablesWith(cacheType)];
    if (plain.length === 0 || plain.length !== small.length) return null;
    const sum = plain.reduce((total, table, index) => total + divergenceOf(table, small[index]), 0);
    const mean = sum / plain.length;
    return Number.isFinite(mean) ? mean : null;
  } catch {
    signal.throwIfAborted();
    return null;
  }
}

/** Kullback-Leibler divergence, in nats. Pure. */
function divergenceOf(from: ReadonlyMap<Token, number>, to: ReadonlyMap<Token, number> | undefined): number {
  let sum = 0;
  for (const [token, probability] of from)
    if (probability > 0)
      sum += probability * Math.log(probability / Math.max(to?.get(token) ?? 0, Number.MIN_VALUE));
  return Math.max(0, sum);
}

async function withTrial<T>(
  model: LlamaModel,
  options: LlamaContextOptions,
  task: (sequence: ReturnType<Awaited<ReturnType<LlamaModel['createContext']>>['getSequence']>) => Promise<T>,
): Promise<T> {
  const context = await model.createContext({
    ...options,
    contextSize: Math.min(TRIAL_CONTEXT, model.trainContextSize),
    sequences: 1,
    failedCreationRemedy: false,
  });
  try {
    return await task(context.getSequence());
  } finally {
    await context.dispose();
  }
}
