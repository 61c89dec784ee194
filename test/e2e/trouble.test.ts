import { rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { longScript, plainScript } from '../support/gguf/scripted-model.ts';
import type { AppProcess } from '../support/app-process.ts';
import type { AppPage } from './app-page.ts';
import { eventually, newestAnswer, talker, test, type Stage } from './fixture.ts';

/** How soon the page must say that the engine is gone (issue: within 2 s). */
const TOLD_WITHIN_MS = 2_000;

/** What has come of an answer is on disk after this long (issue: at most 1 s short), with some room. */
const SAVED_WITHIN_MS = 2_000;

function killSidecar(app: AppProcess): void {
  const [pid] = app.sidecarPids();
  if (pid === undefined) throw new Error('no sidecar runs');
  process.kill(pid, 'SIGKILL');
}

async function askAndWaitForWords(page: AppPage, question: string): Promise<void> {
  await page.ask(question);
  await page.stop.waitFor();
  await page.lastAnswer.getByText('scripted model').first().waitFor();
}

/** The page tries again while the app is away, and the browser says so on its console. */
function allowLostConnection(stage: Stage): void {
  stage.allow(/console: WebSocket connection to .* failed/, /ERR_CONNECTION_REFUSED/);
}

describe('the engine is killed while it answers', () => {
  test('the page says so within 2 s, keeps what came, and goes on, twice', async ({ stage }) => {
    const { app, client } = await stage.ready(talker);
    const page = await stage.open(app);
    await askAndWaitForWords(page, 'Talk');
    for (const [round, version] of [
      [1, 2],
      [2, 3],
    ] as const) {
      const killedAt = performance.now();
      killSidecar(app);
      const card = page.lastAnswer.getByRole('alert').filter({ hasText: 'The engine stopped' });
      await card.waitFor();
      expect(performance.now() - killedAt, `told in round ${round}`).toBeLessThan(TOLD_WITHIN_MS);
      expect(await card.innerText()).toContain('The chat is saved and the engine starts again by itself.');
      expect(await page.lastAnswer.innerText()).toContain('I give the same answer to everybody');
      expect((await newestAnswer(client)).answer).toMatchObject({
        status: 'failed',
        errorCode: 'engine_crashed',
      });
      await card.getByRole('button', { name: 'Answer again' }).click();
      await page.stop.waitFor();
      await page.lastAnswer.getByText('scripted model').first().waitFor();
      expect(await card.count()).toBe(0);
      if (round === 2) {
        await page.stop.click();
        await page.version(version, version).waitFor();
        // What is sent while it stops would wait in the queue.
        await page.stop.waitFor({ state: 'hidden' });
      }
    }
    // A plain next message works too.
    await askAndWaitForWords(page, 'Still there?');
    await page.stop.click();
    await page.answered(2);
  });

  test('after too many stops it waits for a person, and starts when asked', async ({ stage }) => {
    const { app, client } = await stage.ready(talker);
    const page = await stage.open(app);
    await askAndWaitForWords(page, 'Talk');
    const tooOften = page.lastAnswer.getByRole('alert').filter({ hasText: 'The engine stopped too often' });
    const crashed = page.lastAnswer.getByRole('alert').filter({ hasText: 'The engine stopped' });
    for (let kills = 0; kills < 6 && (await tooOften.count()) === 0; kills++) {
      killSidecar(app);
      await crashed.waitFor();
      await page.answerAgain.click();
      // Either it answers again, or it says that it waits.
      await page.stop.or(tooOften).first().waitFor();
      if ((await tooOften.count()) === 0)
        await page.lastAnswer.getByText('scripted model').or(tooOften).first().waitFor();
    }
    await tooOften.waitFor();
    expect((await client.engine.state()).status).toBe('crashed');
    await tooOften.getByRole('button', { name: 'Start the engine' }).click();
    await eventually(async () => (await client.engine.state()).status).toBe('idle');
    await askAndWaitForWords(page, 'Back?');
    await page.stop.click();
    await page.answered();
  });
});

describe('the app is killed', () => {
  test('what had come of the answer is there at the next start, which says so', async ({ stage }) => {
    allowLostConnection(stage);
    const { app } = await stage.ready(talker);
    const page = await stage.open(app);
    const askedAt = performance.now();
    await askAndWaitForWords(page, 'Talk');
    await eventually(() => performance.now() - askedAt).toBeGreaterThan(SAVED_WITHIN_MS);
    await app.kill('SIGKILL');

    const back = await stage.open(await stage.start());
    await back.chat('Talk').click();
    await back.lastAnswer.getByText('The app was closed while this was being answered').waitFor();
    expect(await back.lastAnswer.innerText()).toContain('scripted model');
    await back.answerAgain.click();
    await back.stop.click();
    await back.version(2, 2).waitFor();
  });

  test('the page says so and keeps the text; on the same port it asks for the new address', async ({
    stage,
  }) => {
    stage.onlyInBrowser('the desktop’s window ends with its app');
    allowLostConnection(stage);
    const { app } = await stage.ready(talker);
    const page = await stage.open(app);
    await askAndWaitForWords(page, 'Talk');
    await page.composer.fill('typed while it answered');
    await app.kill('SIGKILL');
    await page.card('The connection to Leeward is lost').waitFor();
    await page.composer.fill('typed after the end');
    expect(await page.send.or(page.stop).first().isVisible()).toBe(true);

    const again = await stage.start(['--port', new URL(app.url).port]);
    await page.card('This page is not allowed in').waitFor();
    expect(await page.card('This page is not allowed in').innerText()).toContain(
      'Open the address that Leeward printed when it started.',
    );
    expect(await page.composer.inputValue()).toBe('typed after the end');
    // Opening the new address in the same tab is enough.
    page.page.on('dialog', (dialog) => void dialog.accept());
    await page.page.goto(again.url);
    await page.chat('Talk').waitFor();
  });

  test('a short break of the connection heals by itself', async ({ stage }) => {
    const words = 20_000;
    const { app } = await stage.ready({ script: longScript(words), contextLength: 32_768 });
    const page = await stage.open(app);
    const wire = await stage.takeWire(page, app);
    await page.ask('Count');
    await page.lastAnswer.getByText(/\bword50\b/).waitFor();
    const shownWords = async () =>
      [...((await page.lastAnswer.textContent()) ?? '').matchAll(/\bword(\d+)\b/g)].map((match) =>
        Number(match[1]),
      );
    const connections = wire.connections;
    await wire.cut();
    await eventually(() => wire.connections).toBe(connections + 1);
    const before = (await shownWords()).length;
    await eventually(async () => (await shownWords()).length).toBeGreaterThan(before + 200);
    await page.card('The connection to Leeward is lost').waitFor({ state: 'hidden' });
    await page.stop.click();
    await page.answered(1);
    const shown = await shownWords();
    expect(shown).toEqual(shown.map((_, index) => index + 1));
    // Nobody scrolled, so the end is still what is shown.
    expect(await page.jumpToNewest.count()).toBe(0);
  });
});

describe('a page of another version', () => {
  test('is told to load again, and works once it has', async ({ stage }) => {
    const { app } = await stage.ready({ script: plainScript });
    const page = await stage.open(app);
    const wire = await stage.takeWire(page, app);
    wire.onSend = (frame) =>
      frame.includes('"hello"') ? frame.replace(/"protocol":\d+/, '"protocol":0') : frame;
    await page.page.reload();
    await page.text('This page does not match the running app').waitFor();
    await page.text('Leeward was updated while this page was open.').waitFor();
    wire.onSend = (frame) => frame;
    await page.button('Load the page again').click();
    await page.composer.waitFor();
  });
});

describe('models that cannot be used', () => {
  test('without a model the message is kept and nothing is saved', async ({ stage }) => {
    const app = await stage.start();
    const client = await stage.connect(app);
    await client.settings.update({ firstRunDone: true });
    const page = await stage.open(app);
    await page.ask('Kept words');
    await page.card('No model yet').waitFor();
    expect(await page.card('No model yet').innerText()).toContain(
      'Your message is kept here and sent once a model is ready.',
    );
    expect(await page.composer.inputValue()).toBe('Kept words');
    expect(await client.conversations.list()).toEqual([]);
    await page.button('Open Models').first().click();
    await page.openGguf.waitFor();
  });

  test('a message waits while a model is chosen from the card, then goes by itself; a changed one does not', async ({
    stage,
  }) => {
    const { app, client } = await stage.share({ script: plainScript, name: 'Choice' }, { load: false });
    await client.settings.update({ defaultModelId: null });
    const page = await stage.open(app);
    await page.ask('Kept until then');
    await page.card('No model yet').getByRole('button', { name: 'Choose a model' }).click();
    await page.picker.getByRole('option', { name: /^Choice/ }).click();
    await page.card('No model yet').waitFor({ state: 'hidden' });
    await page.answered(1);
    expect(await page.composer.inputValue()).toBe('');

    await client.models.unload();
    await client.settings.update({ defaultModelId: null });
    await page.page.reload();
    await page.newChat.first().click();
    await page.ask('Not yet');
    await page.composer.fill('Not yet ready');
    await page.card('No model yet').getByRole('button', { name: 'Choose a model' }).click();
    await page.picker.getByRole('option', { name: /^Choice/ }).click();
    await page.chipSays('Ready').waitFor();
    expect(await page.composer.inputValue()).toBe('Not yet ready');
    expect(await client.conversations.list()).toHaveLength(1);
  });

  test('a message that is sent before the list of models has come is sent', async ({ stage }) => {
    const { app, client } = await stage.ready({ script: plainScript });
    const page = await stage.open(app);
    const wire = await stage.takeWire(page, app);
    const kept: string[] = [];
    wire.onSend = (frame) => {
      if (!frame.includes('models/list')) return frame;
      kept.push(frame);
      return null;
    };
    await page.page.reload();
    await page.ask('Quick');
    await eventually(async () => (await client.conversations.list()).map((item) => item.title)).toEqual([
      'Quick',
    ]);
    expect(kept).not.toEqual([]);
    for (const frame of kept.splice(0)) wire.send(frame);
    await page.answered(1);
    await page.chipSays('Ready').waitFor();
  });

  test('a file that is no GGUF, and one that ends early, are named with what is wrong', async ({ stage }) => {
    writeFileSync(join(stage.folders.modelsDir, 'noise.gguf'), Buffer.alloc(4096, 'not a model '));
    await stage.writeModel('short.gguf', { script: plainScript });
    const path = join(stage.folders.modelsDir, 'short.gguf');
    truncateSync(path, Math.floor(statSync(path).size / 2));
    const app = await stage.start();
    const page = await stage.open(app);
    await page.addAndChat('noise').click();
    await page.card('This file is not a GGUF model').waitFor();
    expect(await page.card('This file is not a GGUF model').innerText()).toContain(
      'noise.gguf does not start like a GGUF file',
    );
    await page.addAndChat('short').click();
    await page.card('The model file is not complete').waitFor();
    expect(await page.card('The model file is not complete').innerText()).toContain(
      'short.gguf is shorter than its own header says',
    );
    expect(await (await stage.connect(app)).models.list()).toEqual([]);
  });

  test('a file that was deleted is missing everywhere, told before a message goes, and back when it is back', async ({
    stage,
  }) => {
    const options = { script: plainScript, name: 'Gone' };
    const { app, client } = await stage.ready(options, { load: false });
    rmSync(join(stage.folders.modelsDir, 'model.gguf'));
    const page = await stage.open(app);
    await page.rail('Models').click();
    await page.modelRow('Gone').getByText('File missing').waitFor();
    await page.openModel('Gone').click();
    expect(await page.modelDetails.getByRole('button', { name: 'Load', exact: true }).isDisabled()).toBe(
      true,
    );
    await page.rail('Chat').click();
    await page.chipSays('File is missing').waitFor();
    const card = page.card('The model file is no longer there');
    await card.getByRole('button', { name: 'Choose a model' }).waitFor();
    await page.ask('Anyone?');
    await page.text('Sent once a model is ready').waitFor();
    expect(await page.composer.inputValue()).toBe('Anyone?');
    expect(await client.conversations.list()).toEqual([]);
    await stage.writeModel('model.gguf', options);
    await card.getByRole('button', { name: 'Try again' }).click();
    await page.answered(1);
    expect(await card.count()).toBe(0);
    await page.chipSays('Ready').waitFor();
  });
});

describe('a context that is full', () => {
  test('the gauge says by how much, and a message that cannot fit is not sent', async ({ stage }) => {
    const { app, client } = await stage.share({ script: plainScript, contextLength: 512 });
    const page = await stage.open(app);
    const long = Array.from({ length: 700 }, (_, index) => `w${index}`).join(' ');
    await page.composer.fill(long);
    await page.text(/^Full: [\d,]+ tokens too many$/).waitFor();
    const { promptTokens, contextSize } = await client.conversations.countTokens({ id: null, draft: long });
    expect(contextSize).toBe(512);
    await page.text(`Full: ${((promptTokens ?? 0) - 512).toLocaleString('en')} tokens too many`).waitFor();
    await page.composer.press('Enter');
    const card = page.card('This message is too long for the context');
    await card.waitFor();
    expect(await card.innerText()).toContain('A larger context needs more memory.');
    expect(await card.getByRole('button', { name: 'Send without those' }).count()).toBe(0);
    expect(await client.conversations.list()).toEqual([]);
    await card.getByRole('button', { name: 'Cancel' }).click();
    await page.ask('Short');
    await page.answered(1);
  });

  test('an answer that reaches the end of the context says why it ended', async ({ stage }) => {
    const { app } = await stage.share({ ...talker, contextLength: 1024 });
    const page = await stage.open(app);
    await page.ask('Talk');
    await page.lastAnswer
      .getByRole('status')
      .filter({ hasText: 'The context is full, so the answer ends here' })
      .waitFor();
    expect(await page.lastAnswer.innerText()).toContain('I give the same answer to everybody');
    await eventually(() => page.gauge.getAttribute('aria-valuetext')).toMatch(/of 1,024 tokens$/);
  });
});
