// Forked by library.ts: node-llama-cpp alone, without the app, for the rows that measure the library itself.
import { readFile, rm } from 'node:fs/promises';
import { getLlama } from 'node-llama-cpp';
import type { LlamaContextSequence, LlamaModel, Token } from 'node-llama-cpp';
import type { LibraryCall, LibraryReply } from './library.ts';

interface Loaded {
  model: LlamaModel;
  sequence: LlamaContextSequence;
}

let loaded: Loaded | undefined;

async function load(call: LibraryCall & { name: 'load' }): Promise<Record<string, number>> {
  const llama = await getLlama({ build: 'never', skipDownload: true, gpu: false });
  const model = await llama.loadModel({ modelPath: call.modelPath, defaultContextFlashAttention: 'auto' });
  const context = await model.createContext({ contextSize: call.contextSize, threads: call.threads });
  loaded = { model, sequence: context.getSequence() };
  return { threads: context.currentThreads };
}

function current(): Loaded {
  if (!loaded) throw new Error('no model is loaded');
  return loaded;
}

/** Generates greedily and stops after `count` tokens. */
async function generate(sequence: LlamaContextSequence, prompt: Token[], count: number): Promise<Token[]> {
  const tokens: Token[] = [];
  for await (const token of sequence.evaluate(prompt, { temperature: 0 })) {
    tokens.push(token);
    if (tokens.length === count) break;
  }
  return tokens;
}

async function decode(call: LibraryCall & { name: 'decode' }): Promise<Record<string, number>> {
  const { model, sequence } = current();
  await sequence.clearHistory();
  const first = model.tokens.bos ?? model.tokenize('a')[0];
  if (first === undefined) throw new Error('the model has no token to begin with');
  const start = performance.now();
  const tokens = await generate(sequence, [first], call.tokens);
  const elapsedMs = performance.now() - start;
  if (tokens.length !== call.tokens) throw new Error('the model stopped by itself');
  return { tokensPerSecond: (tokens.length / elapsedMs) * 1000 };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Reads a prompt, saves the state, forgets it, loads it again, and times the first token after each. */
async function stateRoundTrip(call: LibraryCall & { name: 'state' }): Promise<Record<string, number>> {
  const { model, sequence } = current();
  const text = Array.from({ length: call.tokens }, (_, i) => `the ${(i * 7919 + call.round) % 997}`).join(
    ' ',
  );
  const prompt = model.tokenize(text).slice(0, call.tokens);
  const last = prompt.pop();
  if (last === undefined || prompt.length + 1 < call.tokens) throw new Error('the prompt is too short');
  await sequence.clearHistory();
  const prefillMs = await timed(() => sequence.evaluateWithoutGeneratingNewTokens(prompt));
  let fileBytes = 0;
  const saveMs = await timed(async () => {
    fileBytes = (await sequence.saveStateToFile(call.stateFile)).fileSize;
  });
  let cold: Token[] = [];
  const coldTokenMs = await timed(async () => (cold = await generate(sequence, [last], 1)));
  await sequence.clearHistory();
  const loadMs = await timed(() => sequence.loadStateFromFile(call.stateFile, { acceptRisk: true }));
  if (sequence.nextTokenIndex !== prompt.length) throw new Error('the state came back with another length');
  let warm: Token[] = [];
  const warmTokenMs = await timed(async () => (warm = await generate(sequence, [last], 1)));
  if (cold[0] !== warm[0]) throw new Error('another token after the state was loaded');
  const readMs = await timed(() => readFile(call.stateFile));
  await rm(call.stateFile);
  return { prefillMs, saveMs, coldTokenMs, loadMs, warmTokenMs, readMs, fileBytes };
}

/** The fastest of some: what other programs take is not what a batch costs. */
async function batch(call: LibraryCall & { name: 'batch' }): Promise<Record<string, number>> {
  const { model, sequence } = current();
  const text = Array.from({ length: call.depth + call.size }, (_, i) => `${(i * 7919) % 997}`).join(' ');
  const tokens = model.tokenize(text).slice(0, call.depth + call.size);
  if (sequence.nextTokenIndex !== call.depth) {
    await sequence.clearHistory();
    await sequence.evaluateWithoutGeneratingNewTokens(tokens.slice(0, call.depth));
  }
  const evaluate = async (size: number): Promise<number> => {
    const input = tokens.slice(call.depth, call.depth + size);
    const elapsedMs = await timed(() =>
      sequence.controlledEvaluate(input.map((token) => [token, { generateNext: { token: true } }])),
    );
    await sequence.eraseContextTokenRanges([{ start: call.depth, end: call.depth + size }]);
    return elapsedMs;
  };
  let [oneMs, batchMs] = [Infinity, Infinity];
  for (let repeat = 0; repeat < call.repeats; repeat++) {
    oneMs = Math.min(oneMs, await evaluate(1));
    batchMs = Math.min(batchMs, await evaluate(call.size));
  }
  return { oneMs, batchMs };
}

/** What a follow-up cannot do without: its own tokens read after `depth` others, and one sampled. */
async function follow(call: LibraryCall & { name: 'follow' }): Promise<Record<string, number>> {
  const { model, sequence } = current();
  const text = Array.from({ length: call.depth + call.size }, (_, i) => `${(i * 7919) % 997}`).join(' ');
  const tokens = model.tokenize(text).slice(0, call.depth + call.size);
  await sequence.clearHistory();
  for (let at = 0; at < call.depth; at += 64)
    await sequence.evaluateWithoutGeneratingNewTokens(tokens.slice(at, Math.min(at + 64, call.depth)));
  return { followMs: await timed(() => generate(sequence, tokens.slice(call.depth), 1)) };
}

async function handle(call: LibraryCall): Promise<Record<string, number>> {
  if (call.name === 'load') return load(call);
  if (call.name === 'decode') return decode(call);
  if (call.name === 'batch') return batch(call);
  if (call.name === 'follow') return follow(call);
  return stateRoundTrip(call);
}

process.on('message', (call: LibraryCall) => {
  handle(call).then(
    (result) => process.send?.({ result } satisfies LibraryReply),
    (error: unknown) => process.send?.({ error: String(error) } satisfies LibraryReply),
  );
});
process.once('disconnect', () => process.exit(0));
