// npm run guide:evaluate [-- --guide FILE --prompts FILE --only N --list]
// Asks the shipped guide every held-out prompt through the real engine, greedily and as chats are sampled, prints
// the figures and records them beside the file. Ends with 1 when a target is missed.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import * as v from 'valibot';
import { DEFAULT_SAMPLING, errorCodeOf, type AppClient } from '../../src-main/contract/index.ts';
import { GUIDE_ID } from '../../src-main/models/guide.ts';
import { TimedChat } from '../bench/timed-chat.ts';
import { startCore } from '../support/core.ts';
import { answersOf, factsOf, HeldOut, judge, OFF_TOPIC, type HeldOutPrompt, type Judged } from './judge.ts';
import { TARGETS, type Figures } from './record.ts';

const { values: options } = parseArgs({
  options: {
    guide: { type: 'string' },
    only: { type: 'string' },
    prompts: { type: 'string' },
    list: { type: 'boolean' },
  },
});
const folder = resolve(import.meta.dirname, '../../resources/guide');
const guideFile = resolve(options.guide ?? join(folder, 'leeward-guide.gguf'));
const topicsFile = join(folder, 'topics.json');
const heldOutFile = resolve(options.prompts ?? join(folder, 'held-out.json'));

/** Several times the longest answer; one that has not ended then does not end. */
const MAX_TOKENS = 400;
/** Any, but the same in every run. */
const SEED = 11;

type Mode = 'greedy' | 'sampled';
interface Row extends Judged {
  prompt: HeldOutPrompt;
  mode: Mode;
  text: string;
}

/** One prompt in a chat of its own, after those of its history. */
async function ask(chat: TimedChat, { prompt, history }: HeldOutPrompt, mode: Mode) {
  const settings = {
    sampling: {
      ...DEFAULT_SAMPLING,
      seed: SEED,
      maxTokens: MAX_TOKENS,
      temperature: mode === 'greedy' ? 0 : DEFAULT_SAMPLING.temperature,
    },
  };
  let conversationId: string | null = null;
  let messageId = '';
  for (const text of [...history.map((turn) => turn.prompt), prompt]) {
    const sent: Awaited<ReturnType<AppClient['conversations']['send']>> =
      await chat.client.conversations.send({
        requestId: crypto.randomUUID(),
        conversationId,
        parentId: null,
        text,
        modelId: GUIDE_ID,
        temporary: true,
        ...(conversationId === null ? { settings } : {}),
      });
    ({ conversationId, assistantMessageId: messageId } = sent);
    await chat.settled(messageId);
  }
  const { messages } = await chat.client.conversations.get({ id: conversationId ?? '' });
  const message = messages.find(({ id }) => id === messageId);
  const isFinished = message?.status === 'complete' && message.stats?.stopReason === 'end';
  return { text: message?.text ?? '', isFinished };
}

/** Nothing at all is not sent: the app says so, and the guide need not answer it. */
async function isTurnedAway({ client }: TimedChat, text: string): Promise<Judged> {
  const request = {
    requestId: crypto.randomUUID(),
    conversationId: null,
    parentId: null,
    text,
    modelId: GUIDE_ID,
  };
  const code = await client.conversations.send(request).then(() => null, errorCodeOf);
  return { isKnown: code === 'invalid_input', isRight: false };
}

const hashOf = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');
const share = (rows: readonly Row[], is: (row: Row) => boolean) =>
  rows.length === 0 ? 1 : rows.filter(is).length / rows.length;

/** Numbers and shortcuts of an answer stand in the text of a topic that it should be about. */
function isTrue(row: Row, answers: ReadonlyMap<string, readonly string[]>): boolean {
  if (row.isKnown) return true;
  const wanted = [row.prompt.topic].flat();
  const texts = [...answers].filter(([, ids]) => ids.some((id) => wanted.includes(id))).map(([text]) => text);
  return factsOf(row.text).every((fact) => texts.some((text) => text.includes(fact.toLowerCase())));
}

function figuresOf(rows: readonly Row[], answers: ReadonlyMap<string, readonly string[]>): Figures {
  const isOdd = ({ prompt }: Row) => prompt.kind === 'odd';
  const isOff = ({ prompt }: Row) => prompt.topic === OFF_TOPIC;
  const greedy = rows.filter(({ mode }) => mode === 'greedy');
  const isKnown = (row: Row) => row.isKnown;
  const isRight = (row: Row) => row.isRight;
  return {
    rightTopic: share(
      greedy.filter((row) => !isOdd(row) && !isOff(row)),
      isRight,
    ),
    refused: share(
      greedy.filter((row) => !isOdd(row) && isOff(row)),
      isRight,
    ),
    wordForWord: share(greedy, isKnown),
    wordForWordSampled: share(
      rows.filter(({ mode }) => mode === 'sampled'),
      isKnown,
    ),
    factsOfTopic: share(rows, (row) => isTrue(row, answers)),
    oddAnswered: share(rows.filter(isOdd), isKnown),
  };
}

const answers = answersOf(topicsFile);
const prompts = v
  .parse(HeldOut, JSON.parse(readFileSync(heldOutFile, 'utf8')))
  .slice(0, Number(options.only ?? Infinity));
const core = await startCore(undefined, { guideFile });
const stop = new AbortController();
const rows: Row[] = [];
const startedAt = performance.now();
try {
  const chat = new TimedChat(core.client);
  await chat.listen(stop.signal);
  for (const mode of ['greedy', 'sampled'] as const)
    for (const prompt of prompts) {
      if (prompt.prompt.trim() === '') {
        rows.push({ prompt, mode, text: '', ...(await isTurnedAway(chat, prompt.prompt)) });
        continue;
      }
      const { text, isFinished } = await ask(chat, prompt, mode);
      rows.push({ prompt, mode, text, ...judge(answers, prompt, text, isFinished) });
    }
} finally {
  stop.abort();
  await core.close();
}

const figures = figuresOf(rows, answers);
if (options.list)
  for (const { prompt, mode, text, isKnown, isRight } of rows)
    if (!(prompt.kind === 'odd' ? isKnown : isRight))
      console.log(
        `${mode}  ${JSON.stringify(prompt.prompt.slice(0, 100))}  ${[prompt.topic].flat().join('|')}\n        ${text.slice(0, 160)}`,
      );
let isMissed = false;
for (const [name, target] of Object.entries(TARGETS)) {
  const value = figures[name as keyof Figures];
  isMissed ||= value < target;
  console.log(
    `${name.padEnd(20)} ${(100 * value).toFixed(1).padStart(6)} %   target ${(100 * target).toFixed(0)} %`,
  );
}
const seconds = Math.round((performance.now() - startedAt) / 1000);
console.log(`${prompts.length} prompts, each greedily and sampled, ${seconds} s`);
if ([options.guide, options.prompts, options.only].every((option) => option === undefined)) {
  const record = {
    guideSha256: hashOf(guideFile),
    topicsSha256: hashOf(topicsFile),
    heldOutSha256: hashOf(heldOutFile),
    prompts: prompts.length,
    figures,
  };
  writeFileSync(join(folder, 'evaluation.json'), `${JSON.stringify(record, null, 2)}\n`);
}
process.exitCode = isMissed ? 1 : 0;
