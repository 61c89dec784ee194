import { randomUUID } from 'node:crypto';
import { describe, expect } from 'vitest';
import type { Locator } from 'playwright-core';
import { DEFAULT_SAMPLING } from '../../src-main/contract/index.ts';
import { longScript, markdownScript } from '../support/gguf/scripted-model.ts';
import type { AppPage } from './app-page.ts';
import { eventually, newestAnswer, talker, test } from './fixture.ts';

const version = (turn: Locator, place: number, count: number) =>
  turn.getByRole('group', { name: `Version ${place} of ${count}` });
const editor = (page: AppPage, name: string) => page.log.getByRole('textbox', { name, exact: true });

async function choose(page: AppPage, turn: Locator, item: string | RegExp): Promise<void> {
  await turn.hover();
  await turn.getByRole('button', { name: /^More for this/ }).click();
  await page.page.getByRole('menuitem', { name: item }).click();
}

const wordsOf = async (answer: Locator) =>
  [...((await answer.textContent()) ?? '').matchAll(/\bword(\d+)\b/g)].map((match) => Number(match[1]));
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe('versions and branches', () => {
  test('any message can be edited, and every version stays', async ({ stage }) => {
    const { app, client } = await stage.share({ script: markdownScript });
    const page = await stage.open(app);
    await page.ask('First try');
    await page.answered(1);
    const question = page.questions.last();

    // Up in an empty composer edits the last message; Esc leaves it as it was.
    await page.composer.press('ArrowUp');
    await editor(page, 'Edit message').press('Escape');
    await editor(page, 'Edit message').waitFor({ state: 'hidden' });
    await page.composer.press('ArrowUp');
    await editor(page, 'Edit message').fill('Second try');
    await page.page.keyboard.press('Control+Enter');
    await version(question, 2, 2).waitFor();
    await page.answered(1);
    expect(await question.innerText()).toContain('Second try');

    await question.hover();
    await question.getByRole('button', { name: 'Edit message' }).click();
    await editor(page, 'Edit message').fill('Third try');
    // What is typed there survives a reload, as what is typed in the composer does.
    const conversationId = (await newestAnswer(client)).conversation.id;
    await eventually(async () =>
      (await client.tree.edits({ conversationId })).map(({ text }) => text),
    ).toEqual(['Third try']);
    await page.page.reload();
    await eventually(() => editor(page, 'Edit message').inputValue()).toBe('Third try');
    await page.button('Save without answering').click();
    await version(question, 3, 3).waitFor();
    expect(await page.answers.count()).toBe(0);
    await question.getByText('Not answered yet').waitFor();
    await question.getByRole('button', { name: 'Answer this message' }).click();
    await page.answered(1);

    await page.lastAnswer.getByRole('button', { name: 'Edit answer' }).click();
    await editor(page, 'Edit answer').fill('An answer of **mine**');
    await page.button('Save answer').click();
    await page.lastAnswer.getByText('Edited').waitFor();
    await version(page.lastAnswer, 2, 2).waitFor();
    expect(await page.lastAnswer.getByRole('strong').innerText()).toBe('mine');

    // The turn with the focus is the one that the keys switch; the keyboard stays with it.
    await question.getByRole('button', { name: 'Previous version' }).focus();
    await page.page.keyboard.press('Alt+ArrowLeft');
    await version(question, 2, 3).waitFor();
    expect(await question.innerText()).toContain('Second try');
    await eventually(() =>
      page.page.evaluate(() => document.activeElement?.closest('article')?.ariaLabel),
    ).toMatch(/^You/);
    await page.page.keyboard.press('Alt+ArrowLeft');
    await version(question, 1, 3).waitFor();
    await question.getByRole('button', { name: 'Next version' }).click();
    await version(question, 2, 3).waitFor();
    const { conversation } = await newestAnswer(client);
    expect(conversation.messages.map(({ role, text }) => (role === 'user' ? text : role))).toEqual([
      'First try',
      'assistant',
      'Second try',
      'assistant',
      'Third try',
      'assistant',
      'assistant',
    ]);
  });

  test('a branch is copied, deleted, brought back and forked; an answer is made again', async ({ stage }) => {
    const { app, client } = await stage.share({ script: markdownScript });
    const page = await stage.open(app);
    await page.ask('How do I sort?');
    await page.answered(1);
    await choose(page, page.lastAnswer, 'Copy as plain text');
    await eventually(() => stage.clipboard(page)).toContain('Function\tChanges the list\tReturns');
    expect(await stage.clipboard(page)).not.toContain('**');
    await choose(page, page.lastAnswer, 'Copy as Markdown');
    await eventually(() => stage.clipboard(page)).toContain('**in place**');

    await page.figures.click();
    await page.answerDetails.getByText('Same model, sampling and seed.').waitFor();
    await page.answerDetails.getByRole('button', { name: 'Run again with the same settings' }).click();
    await version(page.lastAnswer, 2, 2).waitFor();
    await page.answered(1);
    const { conversation } = await newestAnswer(client);
    const [, one, two] = conversation.messages;
    expect(two?.stats?.seed).toBe(one?.stats?.seed);
    const seed = one?.stats?.seed ?? null;
    const used = one?.settings;
    expect(two?.settings).toEqual(used && { ...used, sampling: { ...used.sampling, seed } });

    await page.ask('And a tuple?');
    await page.answered(2);
    await choose(page, page.questions.last(), /^Delete branch/);
    await page.page.getByText('2 messages were deleted').waitFor();
    await eventually(() => page.questions.count()).toBe(1);
    await page.button('Undo').click();
    await eventually(() => page.questions.count()).toBe(2);

    await choose(page, page.answers.first(), 'Fork to a new chat');
    await eventually(() => page.title.innerText()).toBe('How do I sort? (fork)');
    await eventually(() => page.answers.count()).toBe(1);
    expect(await page.questions.count()).toBe(1);
    await page.ask('Only here');
    await page.answered(2);
    await page.chat('How do I sort?').waitFor();
    expect(await client.conversations.list()).toHaveLength(2);
  });

  test('an answer goes on where it was stopped, or begins with given words', async ({ stage }) => {
    const words = 12_000;
    const { app, client } = await stage.share({ script: longScript(words), contextLength: 16_384 });
    const page = await stage.open(app);
    await page.ask('Count');
    await page.lastAnswer.getByText(/\bword50\b/).waitFor();
    await page.stop.click();
    await page.lastAnswer.getByText(/^Stopped after/).waitFor();
    const stopped = (await newestAnswer(client)).answer;
    await page.lastAnswer.getByRole('button', { name: 'Continue', exact: true }).click();
    await version(page.lastAnswer, 2, 2).waitFor();
    await eventually(async () => (await wordsOf(page.lastAnswer)).length).toBeGreaterThan(
      (stopped.text.match(/word/g) ?? []).length + 20,
    );
    await page.stop.click();
    await page.lastAnswer.getByText(/^Stopped after/).waitFor();
    const { answer, conversation } = await newestAnswer(client);
    expect(answer.text.startsWith(stopped.text)).toBe(true);
    expect(answer.prefixLength).toBe(stopped.text.length);
    const shown = await wordsOf(page.lastAnswer);
    expect(shown).toEqual(upTo(shown.length));
    expect(conversation.messages.find(({ id }) => id === stopped.id)).toEqual(stopped);

    await choose(page, page.lastAnswer, /^Answer that begins with/);
    await editor(page, 'The answer begins with').fill('word7003 word7004');
    await page.button('Write on from here').click();
    await version(page.lastAnswer, 3, 3).waitFor();
    await page.lastAnswer.getByText(/\bword7010\b/).waitFor();
    await page.stop.click();
    await page.lastAnswer.getByText(/^Stopped after/).waitFor();
    expect((await wordsOf(page.lastAnswer)).slice(0, 3)).toEqual([7003, 7004, 7005]);
  });
});

describe('messages that wait', () => {
  test('stand above the composer in order and are sent as answers complete, not after a stop', async ({
    stage,
  }) => {
    const { app, client } = await stage.share(talker);
    const page = await stage.open(app);
    const list = page.page.getByRole('list', { name: 'Messages that wait' });
    const waiting = () => list.getByText(/^Queued:/u).allInnerTexts();
    await page.ask('One');
    await page.stop.waitFor();
    await page.composer.fill('Two');
    await page.button('Queue').click();
    expect(await page.composer.inputValue()).toBe('');
    await page.ask('Three');
    const sill = { name: 'sill.txt', mimeType: '', buffer: Buffer.from('2.1 m') };
    await page.page.locator('[data-attach]').setInputFiles(sill);
    await page.button('Remove sill.txt').waitFor();
    await page.ask('Four');
    await page.button('Remove sill.txt').waitFor({ state: 'hidden' });
    await eventually(waiting).toEqual(['Queued: "Two"', 'Queued: "Three"', 'Queued: "Four"']);

    // Not after a stop: it says so, also when the page is loaded again, and waits for the word to go on.
    await page.stop.click();
    await page.page.getByText(/^3 messages wait/).waitFor();
    const third = list.getByRole('listitem').filter({ hasText: 'Four' });
    await third.getByRole('button', { name: 'Send earlier' }).click();
    await eventually(waiting).toEqual(['Queued: "Two"', 'Queued: "Four"', 'Queued: "Three"']);
    await third.getByRole('button', { name: 'Edit queued message' }).click();
    await page.page.getByRole('textbox', { name: 'Queued message' }).fill('Four, better');
    await page.page.keyboard.press('Enter');
    await third.getByRole('button', { name: 'Remove queued message' }).click();
    await eventually(waiting).toEqual(['Queued: "Two"', 'Queued: "Three"']);
    await page.button('Undo').click();
    await eventually(waiting).toEqual(['Queued: "Two"', 'Queued: "Four, better"', 'Queued: "Three"']);
    await third.getByText('1 file', { exact: true }).waitFor();

    // One that leaves the list while it is being changed: what was typed is not lost.
    const { id } = (await newestAnswer(client)).conversation;
    const gone = randomUUID();
    await client.queue.add({ conversationId: id, id: gone, text: 'Five', place: null, afterId: null });
    const fifth = list.getByRole('listitem').filter({ hasText: 'Five' });
    await fifth.getByRole('button', { name: 'Edit queued message' }).click();
    await page.page.getByRole('textbox', { name: 'Queued message' }).fill('Five, longer');
    await client.queue.remove({ id: gone });
    await eventually(() => page.composer.inputValue()).toBe('Five, longer');
    await page.composer.fill('');

    await page.page.reload();
    await page.page.getByText(/^3 messages wait/).waitFor();
    expect(await waiting()).toEqual(['Queued: "Two"', 'Queued: "Four, better"', 'Queued: "Three"']);
    await client.conversations.updateSettings({
      id,
      settings: { sampling: { ...DEFAULT_SAMPLING, maxTokens: 200 } },
    });
    await page.button('Send now').click();
    await eventually(() => page.questions.count()).toBe(4);
    await page.answered(4);
    await list.waitFor({ state: 'hidden' });
    const { conversation } = await newestAnswer(client);
    expect(conversation.messages.flatMap(({ role, text }) => (role === 'user' ? [text] : []))).toEqual([
      'One',
      'Two',
      'Four, better',
      'Three',
    ]);
    expect(
      conversation.messages.flatMap(({ text, attachments }) => attachments.map(({ name }) => [text, name])),
    ).toEqual([['Four, better', 'sill.txt']]);
  });
});
