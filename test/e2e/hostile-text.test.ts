import { describe, expect } from 'vitest';
import {
  htmlInjectionScript,
  markdownScript,
  plainScript,
  rtlScript,
  unicodeScript,
} from '../support/gguf/scripted-model.ts';
import { xssCorpus } from '../support/xss-corpus.ts';
import type { AppPage } from './app-page.ts';
import { eventually, newestAnswer, test } from './fixture.ts';
import {
  corpusKinds,
  importCorpus,
  injected,
  kindTitle,
  scrollThrough,
  shortened,
} from './hostile-corpus.ts';

// The fixture fails each of these on any request, policy report or script error; they look at what is shown.

/** All that Markdown may become, with the controls that the app itself puts around code and tables. */
const ALLOWED_ELEMENTS = [
  'A', 'ARTICLE', 'B', 'BLOCKQUOTE', 'BR', 'BUTTON', 'CODE', 'DEL', 'DIV', 'EM', 'H2', 'H3', 'H4', 'H5', 'H6', 'HR',
  'I', 'LI', 'OL', 'P', 'PRE', 'SPAN', 'STRONG', 'TABLE', 'TBODY', 'TD', 'TH', 'THEAD', 'TIME', 'TR', 'UL',
]; // prettier-ignore

const markup = '<b>bold</b><img src=x onerror="window.__leewardInjected=1">';

describe('hostile text', () => {
  test('of a model stays text: nothing runs, nothing loads, no foreign element', async ({ stage }) => {
    const { app, client } = await stage.share({ script: htmlInjectionScript });
    const page = await stage.open(app);
    await page.ask('Go on');
    await page.answered(1);
    const text = await page.lastAnswer.innerText();
    expect(text).toContain('Harmless words before.');
    expect(text).toContain('Harmless words after.');
    expect((await newestAnswer(client)).answer.text.trim()).toBe(htmlInjectionScript.trim());
    const found = await page.lastAnswer.evaluate((article) => {
      // The icons of the app's own buttons are drawings.
      const all = [...article.querySelectorAll('*')].filter(
        (element) => element.closest('button svg, button > svg') === null,
      );
      return {
        names: [...new Set(all.map((element) => element.tagName.toUpperCase()))].sort(),
        handlers: all.flatMap((element) =>
          element.getAttributeNames().filter((name) => name.startsWith('on')),
        ),
        styles: all.filter((element) => element.closest('button') === null && element.hasAttribute('style'))
          .length,
        addresses: all
          .flatMap((element) => [element.getAttribute('href'), element.getAttribute('src')])
          .filter((value) => value !== null),
      };
    });
    expect(found.names.filter((name) => !ALLOWED_ELEMENTS.includes(name))).toEqual([]);
    expect(found.handlers).toEqual([]);
    expect(found.styles).toBe(0);
    expect(found.addresses.filter((address) => /^\s*(javascript|data|vbscript):/i.test(address))).toEqual([]);
    expect(await page.page.evaluate(() => '__leewardInjected' in window)).toBe(false);
    // Whatever can be pressed in the answer leads nowhere.
    for (const link of await page.lastAnswer.getByRole('link').all()) {
      await link.click();
      await page.page.keyboard.press('Escape');
    }
    expect(new URL(page.page.url()).origin).toBe(new URL(app.url).origin);
    expect(page.page.context().pages()).toHaveLength(1);
    expect(await page.page.evaluate(() => '__leewardInjected' in window)).toBe(false);
    expect(await page.composer.isVisible()).toBe(true);
  });

  test('a link says its whole address and does not open by itself', async ({ stage }) => {
    const { app } = await stage.share({ script: markdownScript });
    const page = await stage.open(app);
    await page.ask('Link');
    await page.answered(1);
    await page.lastAnswer.getByRole('link', { name: 'Python manual' }).click();
    await page.linkDialog.getByText('https://docs.python.org/3/howto/sorting.html').waitFor();
    await page.linkDialog.getByRole('button', { name: 'Copy address' }).click();
    await page.linkDialog.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await stage.clipboard(page)).toBe('https://docs.python.org/3/howto/sorting.html');
    await page.linkDialog.getByRole('button', { name: 'Close' }).click();
    await page.linkDialog.waitFor({ state: 'hidden' });
    // Neither the middle button nor Ctrl opens it past the dialog.
    await page.lastAnswer.getByRole('link', { name: 'Python manual' }).click({ button: 'middle' });
    await page.page.keyboard.press('Escape');
    await page.lastAnswer
      .getByRole('link', { name: 'Python manual' })
      .click({ modifiers: ['ControlOrMeta'] });
    await page.linkDialog.waitFor();
    expect(page.page.context().pages()).toHaveLength(1);
    expect(new URL(page.page.url()).origin).toBe(new URL(app.url).origin);
  });

  test('right-to-left and rare characters keep their place and their bytes', async ({ stage }) => {
    const { app, client } = await stage.share({ script: `${rtlScript}\n${unicodeScript}` });
    const page = await stage.open(app);
    await page.ask('שלום Leeward');
    await page.answered(1);
    const paragraphs = page.lastAnswer.getByRole('paragraph');
    const directions = await paragraphs.evaluateAll((all) =>
      all.map((one) => getComputedStyle(one).direction),
    );
    expect(directions.slice(0, 2)).toEqual(['rtl', 'rtl']);
    expect(directions.at(-1)).toBe('ltr');
    expect(await paragraphs.last().textContent()).toContain(unicodeScript);
    expect((await newestAnswer(client)).answer.text.trim()).toBe(`${rtlScript}\n${unicodeScript}`.trim());
    expect(await page.title.evaluate((title) => getComputedStyle(title).direction)).toBe('rtl');
    expect(await page.page.evaluate(() => getComputedStyle(document.body).direction)).toBe('ltr');
  });

  test('in titles, messages and model names is text everywhere', async ({ stage }) => {
    const name = `${markup} model`;
    const { app } = await stage.share({ script: plainScript, name });
    const page = await stage.open(app);
    await page.ask(markup);
    await page.answered(1);
    expect(await page.title.innerText()).toBe(markup);
    expect(await page.questions.first().innerText()).toContain(markup);
    expect(await page.chip.innerText()).toContain(name);
    await page.chat(markup).waitFor();
    await page.chip.click();
    await page.picker.getByText(name).waitFor();
    await page.page.keyboard.press('Escape');
    await page.chat(markup).focus();
    await page.page.keyboard.press('Delete');
    await page.toast.getByText(markup).waitFor();
    await page.undo.click();
    // What is brought back is shown again.
    await page.title.filter({ hasText: markup }).waitFor();
    await page.rail('Models').click();
    await page.openModel(name).click();
    await page.modelDetails.getByRole('heading', { name, exact: true }).waitFor();
    expect(await page.page.evaluate(() => '__leewardInjected' in window)).toBe(false);
    expect(await page.page.locator('img').count()).toBe(0);
  });

  test(
    `${xssCorpus.length} payloads do nothing wherever text is shown`,
    { timeout: 300_000 },
    async ({ stage }) => {
      const dialogs: string[] = [];
      const clean = async (page: AppPage, place: string) => {
        expect(await injected(page), place).toEqual([]);
        expect(stage.problems, place).toEqual([]);
        expect(dialogs, place).toEqual([]);
      };
      // As the model's answer: a token of the file cannot hold what ends a string.
      const texts = xssCorpus.map(({ text }) => text).filter((text) => !text.includes('\0'));
      const { app, client, model } = await stage.ready({
        script: texts.join('\n\n'),
        name: shortened(80, 6).join(' '),
        licence: shortened(60, 2).join(' '),
        contextLength: 32_768,
      });
      await client.models.saveNotes({ id: model.id, notes: texts.join('\n') });
      const page = await stage.open(app);
      page.page.on('dialog', (dialog) => {
        dialogs.push(dialog.message());
        void dialog.dismiss();
      });

      await page.ask(texts.slice(-20).join(' '));
      await page.answered(1);
      await scrollThrough(page, 'Messages');
      await clean(page, 'an answer as it comes');
      await page.figures.click();
      await page.answerDetails.waitFor();
      await clean(page, 'details of an answer');
      await page.page.keyboard.press('Escape');

      await importCorpus(client);
      const asked = (await client.conversations.list()).find(({ title }) => !title.startsWith('All of'));
      const ids = (await client.conversations.list()).map(({ id }) => id);
      for (const name of shortened(100, 40)) await client.folders.create({ name });
      for (const name of shortened(50, 40)) {
        const tag = await client.tags.create({ name });
        await client.history.update({ ids: ids.slice(0, 3), change: { addTags: [tag.id] } });
      }
      for (const name of shortened(80, 30))
        await client.presets.create({
          name,
          systemPrompt: name,
          sampling: null,
          reasoning: null,
          modelId: null,
        });
      await client.conversations.saveDraft({ id: asked?.id ?? '', draft: texts.join('\n') });
      await page.page.reload();
      await page.composer.waitFor();
      await scrollThrough(page, 'Conversations');
      await clean(page, 'titles, folders and tags in the list');

      for (const kind of corpusKinds) {
        await page.chatFilter.fill(kindTitle(kind));
        await page.sidebar.getByText(kindTitle(kind)).first().click();
        await page.title.filter({ hasText: kindTitle(kind) }).waitFor();
        await page.questions.first().waitFor();
        await scrollThrough(page, 'Messages');
        await clean(page, `messages of the kind ${kind}`);
      }
      for (const word of ['onerror', 'javascript', 'window', 'script']) {
        await page.chatFilter.fill(word);
        await eventually(() => page.sidebar.locator('mark').count()).toBeGreaterThan(0);
        await clean(page, `snippets for ${word}`);
      }
      await page.chatFilter.fill('');
      await page.page.keyboard.press('Control+k');
      await page.palette.waitFor();
      for (const word of ['<img', 'script', '__proto__']) {
        await page.palette.getByRole('combobox').fill(word);
        await page.palette.getByRole('option').first().waitFor();
        await clean(page, `the palette for ${word}`);
      }
      await page.page.keyboard.press('Escape');
      await page.page.keyboard.press('Control+i');
      await page.button(/^Preset: /, false).click();
      await page.page
        .getByText(shortened(80, 1)[0] ?? '')
        .first()
        .waitFor();
      await clean(page, 'names of presets');
      await page.page.keyboard.press('Escape');
      await page.rail('Models').click();
      await page.openModel(model.name).click();
      await page.modelDetails.getByRole('heading', { name: 'About this model' }).waitFor();
      await clean(page, 'a model with its notes');
    },
  );
});
