import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { MAX_MODEL_TITLE_LENGTH } from '../../src-main/contract/index.ts';
import { startCore, type TestCore } from '../support/core.ts';
import { ask, copyModel, needModel, open, tell } from './kit.ts';

const files = { chat: await needModel('chat'), windowed: await needModel('windowed') };

const MIB = 2 ** 20;
/** Of the library's own garbage, whatever the model: small ones are not told to a tenth. */
const CONTEXT_SIZE = 4_096;

const cores: TestCore[] = [];
afterEach(async () => {
  for (const core of cores.splice(0).reverse()) await core.close();
});

/** Memory of a process that the system cannot take back by dropping file pages. */
function anonymousBytes(pid: number): number {
  const kibibytes = /^RssAnon:\s*(\d+) kB/mu.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kibibytes) * 1024;
}

function enginePid({ logLines }: TestCore): number {
  const line = logLines.findLast((candidate) => candidate.startsWith('engine.started '));
  if (line === undefined) throw new Error('no engine has started');
  const { pid } = JSON.parse(line.slice(line.indexOf('{'))) as { pid: number };
  return pid;
}

async function engineIsUp({ client }: TestCore): Promise<void> {
  while ((await client.engine.state()).status !== 'idle') await new Promise((go) => setTimeout(go, 20));
}

describe.each(['chat', 'windowed'] as const)('the %s model', (name) => {
  test('is read, predicted and loaded', async ({ skip }) => {
    skip(process.platform !== 'linux', 'only Linux tells RssAnon');
    const file = files[name];
    const core = await startCore();
    cores.push(core);
    await engineIsUp(core);
    const without = anonymousBytes(enginePid(core));
    copyModel(file.path, join(core.modelsDir, file.fileName));
    const startedAt = performance.now();
    const model = await core.addModel();
    const headerMs = performance.now() - startedAt;
    const { vocabularySize, layerCount } = await core.client.models.details({ id: model.id });
    const { id } = model;
    await core.client.models.updateSettings({ id, settings: { contextSize: CONTEXT_SIZE } });
    const fit = await core.client.fit.ofModel({ id, contextSize: CONTEXT_SIZE, gpuLayers: 0 });
    await core.client.models.load({ id });
    const { message } = await ask({ core, model }, null, 'Say in a few words what a lighthouse is.');
    const measured = anonymousBytes(enginePid(core)) - without;
    const predicted = fit.ram.neededBytes;
    tell(file.fileName, {
      headerMs: Math.round(headerMs),
      vocabulary: vocabularySize ?? 0,
      layers: layerCount ?? 0,
      liveChats: fit.liveChats,
      predictedMiB: Math.round(predicted / MIB),
      measuredMiB: Math.round(measured / MIB),
      predictedTokensPerSecond: fit.decode ? `${fit.decode.low} to ${fit.decode.high}` : 'not measured yet',
      tokensPerSecond: message.stats?.tokensPerSecond ?? 0,
    });
    expect(model.available).toBe(true);
    expect(message.text).not.toBe('');
    expect(Math.abs(predicted / measured - 1)).toBeLessThan(0.1);
  });
});

test('a chat gets a title that is one', async () => {
  const real = await open(files.chat, { settings: { titlesByModel: true } });
  cores.push(real.core);
  const { client } = real.core;
  const { conversationId } = await ask(real, null, 'What is the capital of France?');
  // The title is asked for in the moment the answer ends.
  for (;;) {
    const { status, runningGenerations } = await client.engine.state();
    if (status === 'ready' && runningGenerations === 0) break;
    await new Promise((go) => setTimeout(go, 20));
  }
  const { title } = await client.conversations.get({ id: conversationId });
  tell('title', { title });
  expect(title).toMatch(/France|Paris|capital/i);
  expect(title).not.toMatch(/[\n"*#]/);
  expect(title.length).toBeLessThanOrEqual(MAX_MODEL_TITLE_LENGTH);
});
