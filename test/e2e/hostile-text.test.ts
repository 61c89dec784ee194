import { describe, expect } from 'vitest';
import {
  htmlInjectionScript,
  markdownScript,
  plainScript,
  rtlScript,
  unicodeScript,
} from '../support/gguf/scripted-model.ts';
import { newestAnswer, test } from './fixture.ts';

// The fixture fails each of these on any request, policy report or script error; they look at what is shown.

/** All that Markdown may become, with the controls that the app itself puts around code and tables. */
const ALLOWED_ELEMENTS = [
  'A', 'ARTICLE', 'B', 'BLOCKQUOTE', 'BR', 'BUTTON', 'CODE', 'DEL', 'DIV', 'EM', 'H2', 'H3', 'H4', 'H5', 'H6', 'HR',
  'I', 'LI', 'OL', 'P', 'PRE', 'SPAN', 'STRONG', 'TABLE', 'TBODY', 'TD', 'TH', 'THEAD', 'TIME', 'TR', 'UL',
]; // prettier-ignore

const markup = '<b>bold</b><img src=x onerror="window.__leewardInjected=1">';

describe('hostile text', () => {
  test('of a model stays text: nothing runs, nothing loads, no foreign element', async ({ stage }) => {
    const { app, client } = await stage.ready({ script: htmlInjectionScript });
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
    const { app } = await stage.ready({ script: markdownScript });
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
    const { app, client } = await stage.ready({ script: `${rtlScript}\n${unicodeScript}` });
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
    const { app } = await stage.ready({ script: plainScript, name });
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
    await page.rail('Models').click();
    await page.openModel(name).click();
    await page.modelDetails.getByRole('heading', { name, exact: true }).waitFor();
    expect(await page.page.evaluate(() => '__leewardInjected' in window)).toBe(false);
    expect(await page.page.locator('img').count()).toBe(0);
  });
});
