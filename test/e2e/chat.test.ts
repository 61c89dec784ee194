import { describe, expect } from 'vitest';
import { longScript, markdownScript, plainScript } from '../support/gguf/scripted-model.ts';
import type { AppPage } from './app-page.ts';
import { eventually, newestAnswer, talker, test } from './fixture.ts';

/** The numbers of a `longScript` answer in the order in which the page shows them. */
async function shownWords(page: AppPage): Promise<number[]> {
  // Not what is painted: a tab in the background paints late.
  const text = (await page.lastAnswer.textContent()) ?? '';
  return [...text.matchAll(/\bword(\d+)\b/g)].map((match) => Number(match[1]));
}
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
const scrollGap = (page: AppPage) =>
  page.log.evaluate((log) => log.scrollHeight - log.clientHeight - log.scrollTop);

describe('an answer', () => {
  test('shows Markdown as written, colours code and copies exactly it', async ({ stage }) => {
    const { app } = await stage.share({ script: markdownScript });
    const page = await stage.open(app);
    await page.ask('How do I sort a list?');
    await page.answered(1);
    const answer = page.lastAnswer;

    expect(await answer.getByRole('heading', { level: 3 }).allInnerTexts()).toEqual(['Sorting a list']);
    expect(await answer.getByRole('heading', { level: 4 }).allInnerTexts()).toEqual([
      'A small example',
      'When to use which',
    ]);
    const cells = answer.getByRole('table').getByRole('row');
    expect(
      await cells.evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent))),
    ).toEqual([
      ['Function', 'Changes the list', 'Returns'],
      ['list.sort()', 'yes', 'nothing'],
      ['sorted(list)', 'no', 'a new list'],
    ]);
    expect(
      await answer
        .getByRole('cell')
        .evaluateAll((all) => all.map((cell) => getComputedStyle(cell).textAlign)),
    ).toEqual(['start', 'center', 'right', 'start', 'center', 'right']);
    expect(await answer.getByRole('blockquote').innerText()).toBe(
      'Sorting is stable: equal items keep their order.',
    );
    expect(await answer.getByRole('list').count()).toBe(2);
    expect(await answer.getByRole('listitem').count()).toBe(4);
    expect(await answer.getByRole('strong').allInnerTexts()).toEqual(['in place']);
    expect(await answer.getByRole('emphasis').allInnerTexts()).toEqual(['stable']);

    const source = /```python\n([\s\S]*?)\n?```/.exec(markdownScript)?.[1];
    const code = answer.getByRole('code').filter({ hasText: 'dataclass' });
    expect((await code.textContent())?.trimEnd()).toBe(source);
    const painted = code.locator('span[class^="hljs-"]');
    expect(
      await painted
        .filter({ hasText: /^(from|class|def|return)$/ })
        .first()
        .getAttribute('class'),
    ).toBe('hljs-keyword');
    const [keyword, plain] = await code.evaluate((element) => {
      const span = element.querySelector('.hljs-keyword');
      return [span && getComputedStyle(span).color, getComputedStyle(element).color];
    });
    expect(keyword).not.toBe(plain);

    await answer.getByRole('button', { name: 'Copy', exact: true }).click();
    await answer.getByRole('button', { name: 'Copied' }).waitFor();
    const clipboard = () => stage.clipboard(page);
    expect((await clipboard()).trimEnd()).toBe(source);
    await answer.getByRole('button', { name: 'Copy answer' }).click();
    await eventually(async () => (await clipboard()).trim()).toBe(markdownScript.trim());
  });

  test('streams, and stops with the button and with Esc; what has come stays', async ({ stage }) => {
    const { app, client } = await stage.share(talker);
    const page = await stage.open(app);
    await page.ask('Talk');
    await page.chipSays('Answering').waitFor();
    await page.lastAnswer.getByText('scripted model').first().waitFor();
    const early = (await page.lastAnswer.innerText()).length;
    await eventually(async () => (await page.lastAnswer.innerText()).length).toBeGreaterThan(early);
    await page.stop.click();
    await page.lastAnswer.getByText(/^Stopped after [\d,]+ tokens$/).waitFor();
    await page.chipSays('Ready').waitFor();
    const first = await newestAnswer(client);
    expect(first.answer).toMatchObject({ status: 'stopped' });
    expect(await page.lastAnswer.innerText()).toContain(first.answer.text.trim().slice(-40));

    await page.ask('Talk again');
    await eventually(() => page.answers.count()).toBe(2);
    await page.lastAnswer.getByText('scripted model').first().waitFor();
    await page.page.keyboard.press('Escape');
    await page.lastAnswer.getByText(/^Stopped after [\d,]+ tokens$/).waitFor();
    expect((await newestAnswer(client)).answer.status).toBe('stopped');
  });

  test('again makes a second version; buttons and Alt with arrows go between the two', async ({ stage }) => {
    const { app, client } = await stage.share({ script: plainScript });
    const page = await stage.open(app);
    await page.ask('Hello');
    await page.answered(1);
    const first = (await newestAnswer(client)).answer.id;
    await page.answerAgain.click();
    await page.version(2, 2).waitFor();
    await page.answered(1);
    const { conversation, answer: second } = await newestAnswer(client);
    expect(conversation.messages).toHaveLength(3);
    expect(second.id).not.toBe(first);

    await page.previousVersion.click();
    await page.version(1, 2).waitFor();
    expect(await page.previousVersion.isDisabled()).toBe(true);
    await eventually(async () => (await newestAnswer(client)).answer.id).toBe(first);
    await page.page.keyboard.press('Alt+ArrowRight');
    await page.version(2, 2).waitFor();
    await page.page.keyboard.press('Alt+ArrowLeft');
    await page.version(1, 2).waitFor();
    await page.nextVersion.click();
    await page.version(2, 2).waitFor();
    await eventually(async () => (await newestAnswer(client)).answer.id).toBe(second.id);
    // What is written next goes on from the version that is shown.
    await page.previousVersion.click();
    await page.version(1, 2).waitFor();
    await page.ask('And now?');
    await page.answered(2);
    const after = await newestAnswer(client);
    const question = after.conversation.messages.find((message) => message.id === after.answer.parentId);
    expect(question?.parentId).toBe(first);
  });

  test('has figures that are the ones the core counted; a follow-up reuses what was read', async ({
    stage,
  }) => {
    const { app, client } = await stage.share({
      script: plainScript,
      name: 'Counter',
      fileType: 15,
      contextLength: 2048,
    });
    const page = await stage.open(app);
    await page.ask('One');
    await page.answered(1);
    const { answer, conversation } = await newestAnswer(client);
    const stats = answer.stats;
    if (!stats) throw new Error('the answer has no figures');
    const line = await page.figures.innerText();
    expect(line).toContain('Counter Q4_K_M');
    expect(line).toMatch(/[\d,.]+ tok\/s/);
    expect(line).toMatch(/first token [\d.]+ s/);
    expect(line).toContain(`read ${stats.readTokens} tokens`);
    await page.figures.click();
    const row = (term: string) =>
      page.answerDetails
        .getByRole('term')
        .filter({ hasText: new RegExp(`^${term}$`) })
        .locator('xpath=following-sibling::dd[1]')
        .innerText();
    expect(await row('Prompt tokens')).toBe(String(stats.promptTokens));
    expect(await row('Answer tokens')).toBe(String(stats.generatedTokens));
    expect(await row('Context')).toBe(`${stats.contextTokens} of 2,048 tokens`);
    expect(await row('Backend')).toBe('CPU');
    await page.page.keyboard.press('Escape');
    await page.answerDetails.waitFor({ state: 'hidden' });

    // The gauge counts the chat as the next send would render it, with the draft.
    const gauge = () => page.gauge.getAttribute('aria-valuetext');
    const counted = (draft: string) => client.conversations.countTokens({ id: conversation.id, draft });
    await eventually(gauge).toBe(`${(await counted('')).promptTokens} of 2,048 tokens`);
    await page.composer.fill('a longer draft with some words');
    const withDraft = (await counted('a longer draft with some words')).promptTokens;
    await eventually(gauge).toBe(`${withDraft} of 2,048 tokens`);
    expect(withDraft).toBeGreaterThan((await counted('')).promptTokens ?? Infinity);

    await page.composer.press('Enter');
    await page.answered(2);
    const next = (await newestAnswer(client)).answer.stats;
    expect(next?.reusedTokens).toBeGreaterThan(0);
    expect(next?.promptTokens).toBe(withDraft);
    expect(await page.figures.innerText()).toContain(`reused ${next?.reusedTokens} tokens`);
  });

  test('goes on in a page that is loaded again, without a word lost or doubled', async ({ stage }) => {
    const words = 8000;
    const { app } = await stage.share({ script: longScript(words), contextLength: 16_384 });
    const page = await stage.open(app);
    await page.ask('Count');
    await page.lastAnswer.getByText(/\bword50\b/).waitFor();
    await page.page.reload();
    // A reload opens the chat that was on screen, in the middle of its answer.
    await page.lastAnswer.getByText(/\bword50\b/).waitFor();
    const afterReload = (await shownWords(page)).length;
    expect(afterReload).toBeLessThan(words);
    // Long enough to outlive the reload; slow where other work has the cores.
    await page.answerAgain.waitFor({ timeout: 60_000 });
    await page.answered(1);
    expect(await shownWords(page)).toEqual(upTo(words));
  });

  test('streams into two tabs alike, and either can stop it', async ({ stage }) => {
    const { app, client } = await stage.share({ script: longScript(12_000), contextLength: 16_384 });
    const one = await stage.open(app);
    const two = await stage.openTab(one.page.context(), app);
    await two.composer.waitFor();
    await one.ask('Count for both');
    await two.chat('Count for both').click();
    await one.lastAnswer.getByText(/\bword20\b/).waitFor();
    await two.lastAnswer.getByText(/\bword20\b/).waitFor();
    await two.stop.click();
    await one.lastAnswer.getByText(/^Stopped after/).waitFor();
    await two.lastAnswer.getByText(/^Stopped after/).waitFor();
    const saved = [...(await newestAnswer(client)).answer.text.matchAll(/\bword(\d+)/g)].length;
    expect(saved).toBeGreaterThan(20);
    await eventually(() => shownWords(one)).toEqual(upTo(saved));
    await eventually(() => shownWords(two)).toEqual(upTo(saved));
  });
});

describe('two chats at once', () => {
  test('answer one after the other, and the list says which is at work and which is ready', async ({
    stage,
  }) => {
    const { app, client } = await stage.share(talker);
    const page = await stage.open(app);
    await page.ask('The second');
    await page.stop.click();
    await page.answered(1);
    await page.newChat.click();
    await page.ask('The first');
    await page.stop.waitFor();
    await page.lastAnswer.getByText('scripted model').first().waitFor();
    await page.chat('The second').click();
    await page.answered(1);
    await page.ask('Go on');
    await page.lastAnswer.getByText('Waiting for another answer, place 1').waitFor();
    await page.statusBar.getByText('1 waiting').waitFor();
    // Under the pointer a row shows its menu in place of its state.
    await page.composer.hover();
    await page.sidebar.getByRole('button', { name: /^The first Answering/ }).waitFor();
    await page.chat('The first').click();
    await page.stop.click();
    await page.answered(1);
    await page.sidebar.getByRole('button', { name: /^The second Answering/ }).waitFor();
    // From elsewhere: it ends while the other chat is on screen.
    const second = (await client.conversations.list()).find(({ title }) => title === 'The second');
    const { activeLeafId } = await client.conversations.get({ id: second?.id ?? '' });
    await client.conversations.stop({ messageId: activeLeafId ?? '' });
    await page.sidebar.getByRole('button', { name: /^The second Answer ready/ }).waitFor();
    await page.chat('The second').click();
    await page.answered(2);
    await page.chat('The first').click();
    expect(await page.sidebar.getByText('Answer ready').count()).toBe(0);
  });
});

describe('the model chip', () => {
  test('says what the model does: unloaded, loading, answering, ready', async ({ stage }) => {
    const { app, client } = await stage.share({ ...talker, name: 'Chip' }, { load: false });
    const page = await stage.open(app);
    await page.chipSays('Unloaded, loads on send').waitFor();
    // A small model is loaded in a blink: what the chip said is noted as it changes.
    await page.chip.evaluate((chip) => {
      const said = new Set<string>();
      Object.assign(globalThis, { said });
      new MutationObserver(() => said.add(chip.textContent)).observe(chip, {
        subtree: true,
        childList: true,
        characterData: true,
      });
    });
    await page.ask('Talk');
    await page.chipSays('Answering').waitFor();
    const said = await page.page.evaluate(() => [...(globalThis as unknown as { said: Set<string> }).said]);
    expect(said.filter((text) => /Loading \d+%/.test(text))).not.toEqual([]);
    await page.stop.click();
    await page.chipSays('Ready').waitFor();
    await page.chip.click();
    await page.picker.getByRole('option', { name: /^Chip Loaded/ }).waitFor();
    await page.button('Unload').click();
    await page.page.keyboard.press('Escape');
    await page.chipSays('Unloaded, loads on send').waitFor();
    expect((await client.engine.state()).status).toBe('idle');
  });
});

describe('the composer', () => {
  test('sends once however often Send is pressed', async ({ stage }) => {
    const { app, client } = await stage.share({ script: plainScript });
    const page = await stage.open(app);
    await page.composer.fill('Only once');
    await page.send.dblclick();
    await page.answered(1);
    expect(await page.questions.count()).toBe(1);
    const { conversation } = await newestAnswer(client);
    expect(conversation.messages).toHaveLength(2);
    expect(await client.conversations.list()).toHaveLength(1);
  });

  test('breaks lines with Shift and Enter, and leaves Enter to an input method', async ({ stage }) => {
    const { app, client } = await stage.share({ script: plainScript });
    const page = await stage.open(app);
    await page.composer.focus();
    await page.page.keyboard.type('first line');
    await page.page.keyboard.press('Shift+Enter');
    await page.page.keyboard.type('second line');
    expect(await page.composer.inputValue()).toBe('first line\nsecond line');

    await page.composer.fill('');
    const devtools = await page.page.context().newCDPSession(page.page);
    await devtools.send('Input.imeSetComposition', { text: 'かな', selectionStart: 2, selectionEnd: 2 });
    await page.composer.evaluate((field) => {
      const seen = (event: Event) =>
        field.setAttribute('title', String(event instanceof KeyboardEvent && event.isComposing));
      field.addEventListener('keydown', seen, { once: true });
    });
    // As an input method sends it: code 229, and no character of its own.
    const enter = { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 229 };
    await devtools.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...enter });
    await devtools.send('Input.dispatchKeyEvent', { type: 'keyUp', ...enter });
    expect(await page.composer.getAttribute('title')).toBe('true');
    await devtools.send('Input.insertText', { text: '仮名' });
    expect(await page.composer.inputValue()).toBe('仮名');
    expect(await client.conversations.list()).toEqual([]);
    await page.page.keyboard.press('Enter');
    await page.answered(1);
    expect((await newestAnswer(client)).conversation.messages[0]?.text).toBe('仮名');
  });

  test('keeps what was not sent, for each chat and across a reload', async ({ stage }) => {
    const { app, client } = await stage.share({ script: plainScript });
    const page = await stage.open(app);
    await page.ask('Chat one');
    await page.answered(1);
    await page.newChat.click();
    await page.ask('Chat two');
    await page.answered(1);
    await page.composer.fill('draft of two');
    await page.chat('Chat one').click();
    await eventually(() => page.composer.inputValue()).toBe('');
    await page.composer.fill('draft of one');
    await page.chat('Chat two').click();
    await eventually(() => page.composer.inputValue()).toBe('draft of two');
    await page.chat('Chat one').click();
    await eventually(() => page.composer.inputValue()).toBe('draft of one');
    const savedDrafts = async () => {
      const all = await client.conversations.list();
      return Promise.all(all.map(async ({ id }) => (await client.conversations.get({ id })).draft));
    };
    await eventually(savedDrafts).toEqual(['draft of two', 'draft of one']);
    await page.page.reload();
    await eventually(() => page.composer.inputValue()).toBe('draft of one');
  });
});

describe('scrolling', () => {
  test('follows an answer only at its end, and jumps back there', async ({ stage }) => {
    const { app } = await stage.share({ script: longScript(15_000), contextLength: 16_384 });
    const page = await stage.open(app, { viewport: { width: 1000, height: 500 } });
    await page.ask('Count far');
    await page.lastAnswer.getByText(/\bword700\b/).waitFor();
    await eventually(() => scrollGap(page)).toBeLessThan(60);
    await page.log.hover();
    await page.page.mouse.wheel(0, -400);
    await page.jumpToNewest.waitFor();
    const top = await page.log.evaluate((log) => log.scrollTop);
    const words = (await shownWords(page)).length;
    await eventually(async () => (await shownWords(page)).length).toBeGreaterThan(words + 300);
    expect(Math.abs((await page.log.evaluate((log) => log.scrollTop)) - top)).toBeLessThan(2);
    await page.jumpToNewest.click();
    await eventually(() => scrollGap(page)).toBeLessThan(60);
    await page.jumpToNewest.waitFor({ state: 'hidden' });
    await page.stop.click();
    await page.answered(1);
    expect(await scrollGap(page)).toBeLessThan(60);
  });
});
