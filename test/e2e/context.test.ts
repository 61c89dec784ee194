import { randomUUID } from 'node:crypto';
import { describe, expect } from 'vitest';
import type { AppPage } from './app-page.ts';
import { longScript, plainScript, reasoningScript } from '../support/gguf/scripted-model.ts';
import { eventually, newestAnswer, test } from './fixture.ts';

/** The panel beside the chat, or the sheet over it. */
const inspectorOf = ({ page }: AppPage) =>
  page.getByRole('complementary', { name: 'Inspector' }).or(page.getByRole('dialog', { name: 'Inspector' }));

async function toggleInspector(page: AppPage): Promise<void> {
  await page.composer.waitFor();
  await page.page.keyboard.press('Control+i');
}

describe('the inspector', () => {
  test('holds the system prompt, sampling and presets of a chat; an answer is made with them', async ({
    stage,
  }) => {
    const { app, client } = await stage.share({ script: plainScript, contextLength: 2048 });
    await client.settings.update({ defaultSystemPrompt: 'You help a coastal sailor.' });
    const page = await stage.open(app);
    const inspector = inspectorOf(page);
    await toggleInspector(page);
    const prompt = inspector.getByRole('textbox', { name: 'System prompt of this chat' });
    await eventually(() => prompt.inputValue()).toBe('You help a coastal sailor.');

    // A chat that is not begun yet keeps what is chosen for it.
    await prompt.fill('Use metres.');
    const temperature = inspector.getByRole('spinbutton', { name: 'Temperature, number' });
    await temperature.fill('9');
    await inspector.getByText('Use 0 to 5').waitFor();
    await temperature.fill('0.4');
    await temperature.press('Enter');
    await inspector.getByRole('button', { name: 'Preset: Standard, edited' }).waitFor();
    await page.ask('Hello');
    await page.answered(1);
    const first = await newestAnswer(client);
    expect(first.conversation.settings).toMatchObject({
      systemPrompt: 'Use metres.',
      sampling: { temperature: 0.4 },
    });
    expect(first.answer.settings).toMatchObject({
      sampling: { temperature: 0.4 },
      contextSize: 2048,
      leftOut: [],
    });
    expect(first.answer.settings?.model.sizeBytes).toBeGreaterThan(1_000);

    // The seed of an answer can be had again; a slider moves by key; both go back by Reset.
    await inspector.getByRole('combobox', { name: 'Seed' }).selectOption('last');
    await inspector.getByRole('slider', { name: 'Top-k' }).press('ArrowRight');
    await eventually(async () => (await newestAnswer(client)).conversation.settings.sampling).toMatchObject({
      seed: first.answer.stats?.seed,
      topK: 41,
    });
    await inspector.getByRole('button', { name: /^Preset:/ }).click();
    await page.page.getByRole('menuitemradio', { name: 'Precise' }).click();
    await inspector.getByRole('button', { name: 'Preset: Precise', exact: true }).waitFor();
    expect((await newestAnswer(client)).conversation.settings).toMatchObject({
      systemPrompt: 'Use metres.',
      sampling: { temperature: 0.2, seed: null },
    });

    // Kept as a preset, copied, deleted and brought back.
    await inspector.getByRole('button', { name: 'Library' }).click();
    const library = page.page.getByRole('dialog', { name: 'Presets' });
    await library.getByRole('button', { name: 'Save this chat’s settings as a preset' }).click();
    await library.getByRole('textbox', { name: 'Name of the preset' }).fill('Sailor');
    await library.getByRole('button', { name: 'Save', exact: true }).click();
    await library.getByRole('listitem').filter({ hasText: 'Sailor' }).getByText('In use').waitFor();
    await library.getByRole('button', { name: 'More for Sailor' }).click();
    await page.menuItem('Duplicate').click();
    await library.getByRole('button', { name: 'More for Sailor, copy' }).click();
    await page.menuItem('Delete').click();
    await eventually(
      async () => (await client.presets.list()).filter((preset) => preset.builtIn === null).length,
    ).toBe(1);
    await library.getByRole('button', { name: 'More for Precise' }).click();
    expect(await page.menuItem('Delete').count()).toBe(0);
    await page.page.keyboard.press('Escape');

    // Out to a file and in again; a wrong file is told and changes nothing.
    const ids = (await client.presets.list()).map((preset) => preset.id);
    const { text } = await client.presets.exportFile({ ids });
    const field = library.getByLabel('Import', { exact: true });
    const give = (body: string) =>
      field.setInputFiles({ name: 'presets.json', mimeType: 'application/json', buffer: Buffer.from(body) });
    await give(text.replace('"Sailor"', '"Skipper"'));
    await library.getByText('1 preset was added.').waitFor();
    await library.getByRole('listitem').filter({ hasText: 'Skipper' }).waitFor();
    await give(text.slice(0, -20));
    await library.getByText('The file cannot be read: it is no JSON, or damaged.').waitFor();
    expect((await client.presets.list()).length).toBe(ids.length + 1);
    await library.getByRole('button', { name: 'Done' }).click();
    await page.undo.click();
    await eventually(async () => (await client.presets.list()).length).toBe(ids.length + 2);

    // The next answer is made with what the preset says; the panel closes by its key.
    await page.ask('And now?');
    await page.answered(2);
    expect((await newestAnswer(client)).answer.settings?.sampling.temperature).toBe(0.2);
    await toggleInspector(page);
    await inspector.waitFor({ state: 'detached' });
  });

  test('shows the context by part and what is sent; nothing is left out before the user says so', async ({
    stage,
  }) => {
    const { app, client } = await stage.share({ script: longScript(60), contextLength: 1024 });
    await client.settings.update({ defaultSystemPrompt: 'Be brief.' });
    const page = await stage.open(app);
    const inspector = inspectorOf(page);
    await page.ask('The first question, which will be pinned');
    await page.answered(1);
    await page.ask('The second question');
    await page.answered(2);
    await page.composer.fill('Typed and not sent');
    await eventually(() => page.gauge.count()).toBe(1);
    // The gauge opens the section; its rows add up to the engine's count.
    await page.button(/^Show the context: /, false).click();
    await inspector.getByText('What you are writing').waitFor();
    const { conversation } = await newestAnswer(client);
    const shown = await client.context.preview({ id: conversation.id, draft: 'Typed and not sent' });
    const parts = shown.counts?.parts ?? [];
    expect(parts.map(({ kind }) => kind)).toEqual(['system', 'messages', 'draft', 'template']);
    expect(parts.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(shown.counts?.promptTokens);
    await eventually(() =>
      inspector.getByRole('meter', { name: 'Context by part' }).getAttribute('aria-valuenow'),
    ).toBe(String(shown.counts?.promptTokens));
    await inspector.getByRole('button', { name: 'What is sent' }).click();
    const sent = page.page.getByRole('dialog', { name: 'What is sent to the model' });
    await sent.getByText('Typed and not sent').waitFor();
    expect(await sent.getByRole('listitem').allInnerTexts()).toHaveLength(6);
    await sent.getByRole('button', { name: 'Copy all' }).click();
    await eventually(() => stage.clipboard(page)).toContain('System prompt:\nBe brief.');
    await sent.getByRole('button', { name: 'Done' }).click();

    await page.questions.first().getByRole('button', { name: 'More for this message' }).click();
    await page.menuItem('Pin in the context').click();
    await page.questions.first().getByText('Pinned', { exact: true }).waitFor();
    await inspector.getByText('Pinned messages').waitFor();

    // Until the context is full: the user is asked, and nothing was sent.
    const card = page.card(/old messages do not fit/);
    for (let turn = 3; ; turn++) {
      await page.ask(`Question ${turn} `.repeat(6));
      await eventually(async () => (await card.isVisible()) || (await page.answers.count()) === turn).toBe(
        true,
      );
      if (await card.isVisible()) break;
      await page.answered(turn);
    }
    const before = await newestAnswer(client);
    await page.button(/Full: \d+ early messages will be left out$/, false).waitFor();
    await card.getByRole('button', { name: 'Cancel' }).click();
    await card.waitFor({ state: 'hidden' });
    expect((await newestAnswer(client)).conversation.messageCount).toBe(before.conversation.messageCount);
    // So is the user about a message that waits.
    await client.queue.add({
      conversationId: before.conversation.id,
      id: randomUUID(),
      text: await page.composer.inputValue(),
      place: null,
      afterId: before.conversation.activeLeafId,
    });
    await card.getByRole('button', { name: 'Cancel' }).click();
    await page.text(/^1 message waits: the context has no room/).waitFor();
    expect((await newestAnswer(client)).conversation.messageCount).toBe(before.conversation.messageCount);
    await page.button('Remove queued message').click();
    // Its question has the same words as that of the next send.
    await page.text(/^1 message waits/).waitFor({ state: 'hidden' });
    await page.send.click();
    await card.getByRole('button', { name: 'Send without those' }).click();
    await eventually(async () => (await newestAnswer(client)).conversation.messageCount).toBe(
      before.conversation.messageCount + 2,
    );
    // The page may still show the answer before as the last.
    await eventually(async () => (await newestAnswer(client)).answer.status).toBe('complete');
    await page.answered();

    const after = await newestAnswer(client);
    const leftOut = after.answer.settings?.leftOut ?? [];
    const [first, firstAnswer, second, secondAnswer] = after.conversation.messages;
    expect(leftOut.slice(0, 2)).toEqual([second?.id, secondAnswer?.id]);
    expect(leftOut).not.toContain(first?.id);
    expect(leftOut).not.toContain(firstAnswer?.id);
    expect(after.answer).toMatchObject({ status: 'complete' });
    // The page holds the newest turns; the first come when they are looked for.
    const marked = (question: string) =>
      page.questions.filter({ hasText: question }).getByText('Left out', { exact: true });
    const toTheStart = () =>
      eventually(async () => {
        await page.log.evaluate((log) => log.scrollTo(0, 0));
        return page.questions.filter({ hasText: 'The first question' }).count();
      }).toBe(1);
    await toTheStart();
    await marked('The second question').waitFor();
    expect(await marked('The first question').count()).toBe(0);
    // What was agreed on goes on without a question; the marks are there after a reload.
    await page.answerAgain.click();
    await page.version(2, 2).waitFor();
    await page.answered();
    expect((await newestAnswer(client)).answer).toMatchObject({ status: 'complete', settings: { leftOut } });
    await page.page.reload();
    await page.log.waitFor();
    await toTheStart();
    await marked('The second question').waitFor();
  });

  test('a thought is folded, with its time and tokens, which are kept; thinking can be switched', async ({
    stage,
  }) => {
    const { app, client } = await stage.share({
      script: plainScript,
      reasoning: reasoningScript,
      name: 'Thinker',
    });
    const page = await stage.open(app);
    await page.ask('Think first');
    await page.answered(1);
    const { answer } = await newestAnswer(client);
    expect(answer.thought?.tokens).toBeGreaterThan(5);
    expect(answer.thought?.tokens).toBeLessThan(answer.stats?.generatedTokens ?? 0);
    const block = () => page.lastAnswer.getByRole('button', { name: /^Thought for .*tokens$/ });
    await block().waitFor();
    await page.page.reload();
    await block().waitFor();
    expect(await block().textContent()).toContain(`${answer.thought?.tokens} tokens`);
    expect(await block().getAttribute('aria-expanded')).toBe('false');
    await block().click();
    await page.lastAnswer.getByRole('region', { name: 'Thinking of the model' }).waitFor();

    const support = (await client.engine.state()).reasoning;
    expect(support).not.toBe('none');
    await toggleInspector(page);
    const section = inspectorOf(page).getByRole('region', { name: 'Thinking', exact: true });
    await section.getByRole('combobox', { name: 'Most thinking' }).selectOption('own');
    await eventually(async () => (await newestAnswer(client)).conversation.settings.reasoning).toEqual({
      mode: 'auto',
      budgetTokens: 512,
    });
    if (support !== 'switchable') return;
    await page.button('Think: auto').click();
    await page.page.getByRole('menuitemradio', { name: 'Off' }).click();
    await page.button('Think: off').waitFor();
    expect((await newestAnswer(client)).conversation.settings.reasoning?.mode).toBe('off');
  });
});
