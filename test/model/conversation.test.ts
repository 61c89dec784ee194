import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { DEFAULT_SAMPLING } from '../../src-main/contract/index.ts';
import { addFile, newestAnswer, test } from '../e2e/fixture.ts';
import { copyModel, needModel, tell } from './kit.ts';

const file = await needModel('chat');

const PICTURE = join('test-results', 'real-conversation.png');
const QUESTIONS: readonly [question: string, answer: RegExp][] = [
  ['What is the capital of France?', /Paris/],
  ['Name three things to see there.', /Eiffel|Louvre|Notre/],
  ['Thank you. Which of them is the oldest?', /\w+ \w+ \w+/],
];

vi.setConfig({ testTimeout: 600_000 });

test('a person talks with it in the built app: three answers that fit, each ends by itself', async ({
  stage,
}) => {
  copyModel(file.path, join(stage.folders.modelsDir, file.fileName));
  const app = await stage.start();
  const client = await stage.connect(app);
  const { id } = await addFile(client, file.fileName);
  const sampling = { ...DEFAULT_SAMPLING, temperature: 0, maxTokens: 200 };
  await client.models.updateSettings({ id, settings: { sampling } });
  await client.settings.update({ defaultModelId: id, firstRunDone: true, titlesByModel: false });
  await client.models.load({ id });

  const page = await stage.open(app);
  page.page.setDefaultTimeout(120_000);
  for (const [index, [question, fits]] of QUESTIONS.entries()) {
    await page.ask(question);
    await expect.poll(() => page.answers.count(), { timeout: 120_000 }).toBe(index + 1);
    await page.answerAgain.waitFor({ timeout: 120_000 });
    const { answer } = await newestAnswer(client);
    tell(question, { answer: answer.text, stopReason: answer.stats?.stopReason ?? '' });
    expect(answer).toMatchObject({ status: 'complete', stats: { stopReason: 'end' } });
    expect(answer.text).toMatch(fits);
    expect(await page.lastAnswer.innerText()).toMatch(fits);
    if (index > 0) expect(answer.stats?.reusedFrom).toBe('live');
  }
  mkdirSync('test-results', { recursive: true });
  await page.page.screenshot({ path: PICTURE });
});
