import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_SAMPLING, type EngineState, type Sampling } from '../../src-main/contract/index.ts';
import type {
  ChatTurn,
  Engine,
  GenerationEvent,
  GenerationResult,
  LoadRequest,
  Reasoning,
  SavedStates,
} from '../../src-main/engine/api.ts';
import { createEngine, type EngineOptions } from '../../src-main/engine/engine.ts';
import { entries } from '../../src-main/entries.ts';

/** An engine under test, with what it logged and the way to its process. */
export interface EngineKit {
  engine: Engine;
  folder: string;
  logs: { event: string; fields: Record<string, string | number | boolean | null> }[];
  /** Process id of the sidecar that started last. */
  pid(): number;
  close(): Promise<void>;
}

export async function makeEngine(options: Partial<EngineOptions> = {}): Promise<EngineKit> {
  const folder = await mkdtemp(join(tmpdir(), 'leeward-engine-'));
  const logs: EngineKit['logs'] = [];
  const engine = createEngine({
    sidecarPath: entries.sidecar,
    nodeBinary: process.execPath,
    tempDir: folder,
    log: (event, fields = {}) => void logs.push({ event, fields }),
    ...options,
  });
  return {
    engine,
    folder,
    logs,
    pid() {
      const pid = logs.findLast((line) => line.event === 'engine.started')?.fields['pid'];
      if (typeof pid !== 'number') throw new Error('no sidecar has started');
      return pid;
    },
    async close() {
      await engine.dispose();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function loadRequest(
  file: { path: string; sizeBytes: number },
  settings: Partial<LoadRequest> = {},
): LoadRequest {
  return {
    modelId: randomUUID(),
    path: file.path,
    sizeBytes: file.sizeBytes,
    fileState: '',
    contextSize: null,
    gpuLayers: null,
    threads: null,
    flashAttention: 'auto',
    adapters: [],
    chatTemplate: null,
    speculation: 'auto',
    draft: null,
    batchTokens: null,
    liveChats: null,
    cacheType: 'f16',
    windowCache: 'window',
    // As after an earlier load: most tests are not to wait until it is found out.
    measured: { threads: availableParallelism(), cacheDivergence: null },
    sequences: null,
    keepLoadedMinutes: null,
    ...settings,
  };
}

export interface Answer {
  result: GenerationResult;
  text: string;
  reasoning: string;
  events: GenerationEvent[];
}

/** Turns of a chat, user first, by alternating texts. */
export function chat(...texts: string[]): ChatTurn[] {
  return texts.map((text, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', text }));
}

export async function ask(
  engine: Engine,
  turns: ChatTurn[],
  options: {
    sampling?: Partial<Sampling>;
    systemPrompt?: string;
    generationId?: string;
    modelId?: string;
    conversationId?: string;
    reasoning?: Reasoning;
    priority?: 'foreground' | 'background';
    savedStates?: SavedStates;
    signal?: AbortSignal;
    onEvent?: (event: GenerationEvent) => void;
  } = {},
): Promise<Answer> {
  const answer: Omit<Answer, 'result'> = { text: '', reasoning: '', events: [] };
  const result = await engine.generate(
    {
      ...pick(options),
      generationId: options.generationId ?? randomUUID(),
      systemPrompt: options.systemPrompt ?? '',
      turns,
      sampling: { ...DEFAULT_SAMPLING, temperature: 0, ...options.sampling },
    },
    {
      signal: options.signal ?? new AbortController().signal,
      onEvent(event) {
        answer.events.push(event);
        if (event.type === 'chunk') {
          if (event.kind === 'answer') answer.text += event.text;
          else answer.reasoning += event.text;
        }
        options.onEvent?.(event);
      },
    },
  );
  return { ...answer, result };
}

function pick({
  modelId,
  conversationId,
  reasoning,
  priority,
  savedStates,
}: Parameters<typeof ask>[2] & object) {
  return {
    ...(modelId === undefined ? {} : { modelId }),
    ...(conversationId === undefined ? {} : { conversationId }),
    ...(reasoning === undefined ? {} : { reasoning }),
    ...(priority === undefined ? {} : { priority }),
    ...(savedStates === undefined ? {} : { savedStates }),
  };
}

/** Resolves with the first state that fits, the present one included. */
export function untilState(engine: Engine, fits: (state: EngineState) => boolean): Promise<EngineState> {
  if (fits(engine.state)) return Promise.resolve(engine.state);
  return new Promise((resolve) => {
    const dispose = engine.onState((state) => {
      if (!fits(state)) return;
      dispose();
      resolve(state);
    });
  });
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie has ended; who reaps it, and when, is the system's affair.
    return process.platform !== 'linux' || !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

/** Milliseconds until the process is gone. */
export async function untilGone(pid: number, limitMs = 10_000): Promise<number> {
  const startedAt = performance.now();
  while (isRunning(pid)) {
    if (performance.now() - startedAt > limitMs)
      throw new Error(`process is still there after ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return performance.now() - startedAt;
}
