import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_SAMPLING } from '../../../src-main/contract/index.ts';
import { startCore, type TestCore } from '../../support/core.ts';
import { libraryVersion } from '../library.ts';
import { ensureLlamaCpp, type LlamaCpp } from '../llama-cpp.ts';
import { LlamaServer, type ServerMessage } from '../llama-server.ts';
import { benchModel } from '../models.ts';
import type { BenchRow, Figure, Round } from '../row.ts';
import { SESSION, type Turn } from '../session-script.ts';
import { median, summarise } from '../stats.ts';
import { TimedChat } from '../timed-chat.ts';
import { wordsOf } from '../words.ts';

const PASSES = 3;
const THREADS = 2;
/** Of one chat; llama-server divides one four times as large among its slots. */
const CONTEXT_SIZE = 4096;
const SERVER_CONTEXT_SIZE = 4 * CONTEXT_SIZE;
const ANSWER_TOKENS = 16;
const SYSTEM_PROMPT = wordsOf(60, 1_000_001);

/** Answers the turns of the session one after the other; what a turn takes is told in ms. */
interface Arm {
  turn(turn: Turn, text: string): Promise<number>;
  close(): Promise<void>;
}

interface AppChat {
  conversationId: string;
  userMessageId: string;
}

/**
 * @param reuses false: each turn has another first word in its system prompt, so that nothing that was read before is
 * of use
 */
async function appArm(modelsDir: string, reuses: boolean): Promise<Arm> {
  const dataDir = await mkdtemp(join(tmpdir(), 'leeward-bench-data-'));
  const chats: AppChat[] = [];
  let turns = 0;
  let open = await openApp({ dataDir, modelsDir });
  const systemPrompt = () => (reuses ? SYSTEM_PROMPT : `${turns} ${SYSTEM_PROMPT}`);
  const sampling = { ...DEFAULT_SAMPLING, temperature: 0, maxTokens: ANSWER_TOKENS };

  async function send(at: number, text: string): Promise<number> {
    const { chat, modelId } = open;
    const known = chats[at];
    const { started, wholeMs } = await chat.time(
      ({ conversationId }) => conversationId,
      () =>
        chat.client.conversations.send({
          ...{ requestId: crypto.randomUUID(), conversationId: known?.conversationId ?? null },
          ...{ parentId: null, text, modelId: known ? null : modelId },
          ...(known ? {} : { settings: { sampling, systemPrompt: systemPrompt() } }),
        }),
    );
    chats[at] = { conversationId: started.conversationId, userMessageId: started.userMessageId };
    return wholeMs;
  }

  return {
    async turn({ kind, chat: at }, text) {
      turns += 1;
      if (kind === 'restart') {
        await open.close();
        open = await openApp({ dataDir, modelsDir });
      }
      const known = chats[at];
      const { client } = open.chat;
      if (known && !reuses)
        await client.conversations.updateSettings({
          id: known.conversationId,
          settings: { systemPrompt: systemPrompt() },
        });
      if (!known || (kind !== 'edit' && kind !== 'regenerate')) return send(at, text);
      const { conversationId, userMessageId: messageId } = known;
      const request = { requestId: crypto.randomUUID(), messageId };
      if (kind === 'regenerate') {
        const again = () => client.conversations.answerAgain(request);
        return (await open.chat.time(() => conversationId, again)).wholeMs;
      }
      const edited = await open.chat.time(
        () => conversationId,
        () => client.tree.editQuestion({ ...request, text }),
      );
      chats[at] = { conversationId, userMessageId: edited.started.userMessageId };
      return edited.wholeMs;
    },
    async close() {
      await open.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

interface OpenApp {
  chat: TimedChat;
  modelId: string;
  close(): Promise<void>;
}

async function openApp(folders: { dataDir: string; modelsDir: string }): Promise<OpenApp> {
  const core: TestCore = await startCore(folders);
  const chat = new TimedChat(core.client);
  const listening = new AbortController();
  await chat.listen(listening.signal);
  await core.client.settings.update({
    threads: THREADS,
    contextSize: CONTEXT_SIZE,
    backend: 'cpu',
    readAhead: true,
  });
  const [known] = await core.client.models.list();
  const { id } = known ?? (await core.addModel());
  // The answers of a random model repeat themselves; guessing is measured by its own row.
  await core.client.models.updateSettings({ id, settings: { speculation: 'off' } });
  await core.client.models.load({ id, retryAfterCrash: false });
  return {
    chat,
    modelId: id,
    async close() {
      listening.abort();
      await core.close();
    },
  };
}

async function serverArm(tools: LlamaCpp, path: string): Promise<Arm> {
  const server = new LlamaServer(tools, { path, threads: THREADS, contextSize: SERVER_CONTEXT_SIZE });
  await server.start();
  const chats: ServerMessage[][] = [];
  return {
    async turn({ kind, chat: at }, text) {
      if (kind === 'restart') {
        await server.stop();
        await server.start();
      }
      const chat = (chats[at] ??= [{ role: 'system', content: SYSTEM_PROMPT }]);
      if (kind === 'edit') chat.splice(-2);
      if (kind === 'regenerate') chat.splice(-1);
      else chat.push({ role: 'user', content: text });
      const answer = await server.answer(chat, ANSWER_TOKENS);
      chat.push({ role: 'assistant', content: answer.text });
      return answer.wholeMs;
    },
    close: () => server.stop(),
  };
}

const ARMS = ['reuse', 'none', 'server'] as const;
type ArmName = (typeof ARMS)[number];
const keyOf = (name: ArmName, turn: number) => `${name}.${turn}`;

/** One arm after the other, each the whole session: what an arm holds in memory must not be cleared in between. */
async function pass(round: number, arms: Partial<Record<ArmName, () => Promise<Arm>>>): Promise<Round> {
  const result: Record<string, number> = {};
  for (const index of ARMS.keys()) {
    const name = ARMS[(index + round) % ARMS.length] ?? 'reuse';
    const arm = await arms[name]?.();
    if (!arm) continue;
    try {
      for (const [number, turn] of SESSION.entries())
        result[keyOf(name, number)] = await arm.turn(turn, wordsOf(turn.words, 100 * round + number));
    } finally {
      await arm.close();
    }
  }
  return result;
}

function figuresOf(measured: readonly Round[]) {
  const turnMedians = (name: ArmName) =>
    SESSION.map((_, turn) => median(measured.map((round) => round[keyOf(name, turn)] ?? Number.NaN)));
  const perPass = (name: ArmName) =>
    measured.map((round) => median(SESSION.map((_, turn) => round[keyOf(name, turn)] ?? Number.NaN)));
  const ratio = (below: ArmName) => {
    const values = perPass('reuse').map((value, index) => value / (perPass(below)[index] ?? Number.NaN));
    return { unit: 'ratio', ...summarise(values) };
  };
  const kinds = [...new Set(SESSION.map(({ kind }) => kind))].map((kind): Figure => {
    const of = (name: ArmName) => turnMedians(name).filter((_, turn) => SESSION[turn]?.kind === kind);
    const ratios = of('reuse').map((value, index) => value / (of('server')[index] ?? Number.NaN));
    return { name: `${kind}: app / llama-server`, unit: 'ratio', ...summarise(ratios) };
  });
  return { times: (name: ArmName) => ({ unit: 'ms', ...summarise(turnMedians(name)) }), ratio, kinds };
}

function conditionsOf(shape: string, build: string) {
  return {
    model: `${shape} Q4_0, random, vocabulary of 32,000`,
    turns: SESSION.length,
    answerTokens: ANSWER_TOKENS,
    threads: THREADS,
    contextSize: CONTEXT_SIZE,
    serverContextSize: SERVER_CONTEXT_SIZE,
    library: libraryVersion(),
    node: process.versions.node,
    reference: build,
  };
}

/** Target: a mixed session of 40 turns, with reuse, without, and by llama-server. */
export const row: BenchRow = {
  title: `A session of ${SESSION.length} turns in six chats: what a turn takes, call to last chunk`,
  async measure({ folder, report, rounds }) {
    const tools = await ensureLlamaCpp(report);
    const { path, folder: modelsDir } = await benchModel(folder, tools, '150M', 'Q4_0');
    const conditions = conditionsOf('150M', tools.build);
    const measured = await rounds(PASSES, conditions, (round) =>
      pass(round, {
        reuse: () => appArm(modelsDir, true),
        none: () => appArm(modelsDir, false),
        server: () => serverArm(tools, path),
      }),
    );
    const { times, ratio, kinds } = figuresOf(measured);
    const figures: Figure[] = [
      { name: 'a turn, app', ...times('reuse') },
      { name: 'a turn, app without reuse', ...times('none') },
      { name: 'a turn, llama-server', ...times('server') },
      { name: 'median turn, app / without reuse', ...ratio('none'), target: { atMost: 0.35 } },
      { name: 'median turn, app / llama-server', ...ratio('server'), target: { atMost: 1 } },
      ...kinds,
    ];
    return { conditions, figures };
  },
};

/** The same with a model of a size that people use: what a turn costs beside the model weighs less. */
export const largeRow: BenchRow = {
  title: `The same session with a model of 1.1B parameters, one pass`,
  async measure({ folder, report, rounds }) {
    const tools = await ensureLlamaCpp(report);
    const { path, folder: modelsDir } = await benchModel(folder, tools, '1.1B', 'Q4_0');
    const conditions = conditionsOf('1.1B', tools.build);
    const measured = await rounds(1, conditions, (round) =>
      pass(round, { reuse: () => appArm(modelsDir, true), server: () => serverArm(tools, path) }),
    );
    const { times, ratio, kinds } = figuresOf(measured);
    const figures: Figure[] = [
      { name: 'a turn, app', ...times('reuse') },
      { name: 'a turn, llama-server', ...times('server') },
      { name: 'median turn, app / llama-server', ...ratio('server'), target: { atMost: 1 } },
      ...kinds,
    ];
    return { conditions, figures };
  },
};
