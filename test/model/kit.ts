import { constants, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach } from 'vitest';
import { DEFAULT_SAMPLING, type Message, type Model, type Settings } from '../../src-main/contract/index.ts';
import { startCore, type TestCore } from '../support/core.ts';
import { realModel, type RealModel, type RealModelName } from '../support/real-models.ts';

/** Enough for every chat here, and its cache is small. */
const CONTEXT_SIZE = 2_048;
/** Long enough to go astray after a wrong word. */
const ANSWER_TOKENS = 64;
const GREEDY = { ...DEFAULT_SAMPLING, temperature: 0, seed: 1, maxTokens: ANSWER_TOKENS };

/** The app with one real model in memory. */
export interface Real {
  core: TestCore;
  model: Model;
}

/** Gets a model before the tests of a file; each is skipped, with the reason, where there is none. */
export async function needModel(name: RealModelName): Promise<{ path: string; fileName: string }> {
  const found: RealModel = await realModel(name);
  if ('path' in found) return found;
  beforeEach(({ skip }) => skip(found.missing));
  return { path: '', fileName: '' };
}

/** A file of its own: one more name of the same file changes it for an app that has it loaded, which loads it again. */
export function copyModel(path: string, target: string): void {
  copyFileSync(path, target, constants.COPYFILE_FICLONE);
}

/** Starts the app, on an earlier one's folders where there was one, and loads the model. */
export async function open(
  file: { path: string; fileName: string },
  options: { reuse?: TestCore; settings?: Partial<Settings>; speculation?: 'off' } = {},
): Promise<Real> {
  // Every chat is kept on the disk, however quickly it is read.
  const core = await startCore(options.reuse, { savedStateWorthMs: 0 });
  await core.client.settings.update(options.settings ?? {});
  let [model] = await core.client.models.list();
  if (!model) {
    copyModel(file.path, join(core.modelsDir, file.fileName));
    model = await core.addModel();
  }
  const { id } = model;
  // As many threads as are found best now may be others the next time, and round otherwise.
  const settings = { contextSize: CONTEXT_SIZE, threads: 1, speculation: options.speculation ?? null };
  await core.client.models.updateSettings({ id, settings });
  await core.client.models.load({ id });
  return { core, model };
}

/** Runs what starts an answer and waits for its end. @throws Error when it did not end well */
async function answered(
  { core }: Real,
  start: () => Promise<{ conversationId: string; assistantMessageId: string }>,
): Promise<{ conversationId: string; message: Message }> {
  const ended = new Set<string>();
  let onEnd = () => {};
  const stop = core.app.events.on((event) => {
    if (event.type !== 'generation.settled') return;
    ended.add(event.messageId);
    onEnd();
  });
  const { conversationId, assistantMessageId: id } = await start();
  await new Promise<void>((resolve) => {
    onEnd = () => ended.has(id) && resolve();
    onEnd();
  });
  stop();
  const [message] = await core.client.tree.messages({ conversationId, ids: [id] });
  if (message?.status !== 'complete') throw new Error(`no answer: ${message?.errorCode ?? message?.status}`);
  return { conversationId, message };
}

/** The likeliest words, always the same. */
export function ask(real: Real, conversationId: string | null, text: string) {
  return answered(real, () =>
    real.core.client.conversations.send({
      requestId: crypto.randomUUID(),
      conversationId,
      parentId: null,
      text,
      modelId: conversationId === null ? real.model.id : null,
      ...(conversationId === null ? { settings: { sampling: GREEDY } } : {}),
    }),
  );
}

export function askAgain(real: Real, conversationId: string, messageId: string) {
  return answered(real, async () => {
    const requestId = crypto.randomUUID();
    const { assistantMessageId } = await real.core.client.conversations.answerAgain({ requestId, messageId });
    return { conversationId, assistantMessageId };
  });
}

/** Figures that are told, not judged. */
export function tell(what: string, figures: Record<string, number | string>): void {
  console.log(`${what}: ${JSON.stringify(figures)}`);
}
