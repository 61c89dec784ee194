import { describe, expect } from 'vitest';
import { plainScript } from '../support/gguf/scripted-model.ts';
import { eventually, newestAnswer, talker, test } from './fixture.ts';
import { HOST, onHost } from './host.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

describe('the list of chats', () => {
  test('groups by day, filters, renames in three ways and empties into the trash with a way back', async ({
    stage,
  }) => {
    const { app, client } = await stage.ready({ script: plainScript });
    const page = await stage.open(app);
    for (const [index, title] of ['Tides of the North Sea', 'Bread without yeast', 'Knots'].entries()) {
      if (index > 0) await page.newChat.click();
      await page.ask(title);
      await page.answered(1);
    }
    const titles = async () => (await client.conversations.list()).map((item) => item.title);
    expect(await page.day('Today').getByRole('listitem').count()).toBe(3);
    await page.sidebar.getByText('3 chats on this computer').waitFor();

    await page.chatFilter.fill('bread');
    await page.sidebar.getByText('1 of 3 chats').waitFor();
    expect(await page.sidebar.getByRole('listitem').count()).toBe(1);
    await page.chatFilter.fill('nothing like it');
    await page.sidebar.getByText('No chat matches "nothing like it"').waitFor();
    await page.button('Show all chats').click();
    await eventually(() => page.sidebar.getByRole('listitem').count()).toBe(3);

    await page.chat('Knots').focus();
    await page.page.keyboard.press('F2');
    await page.renameField.fill('Knots and hitches');
    await page.renameField.press('Enter');
    await page.chat('Knots and hitches').waitFor();
    await eventually(titles).toContain('Knots and hitches');
    // Esc keeps the old title.
    await page.chat('Knots and hitches').focus();
    await page.page.keyboard.press('F2');
    await page.renameField.fill('never');
    await page.renameField.press('Escape');
    await page.chat('Knots and hitches').waitFor();
    await page.chat('Bread').hover();
    await page.chatMenuButton('Bread without yeast').click();
    await page.menuItem('Rename').click();
    await page.renameField.fill('Flat bread');
    await page.renameField.press('Enter');
    await page.chat('Flat bread').click();
    await page.button('More for this chat').click();
    await page.menuItem('Rename').click();
    await page.renameDialog.getByRole('textbox').fill('Flatbread');
    await page.renameDialog.getByRole('button', { name: 'Rename' }).click();
    await eventually(() => page.title.innerText()).toBe('Flatbread');
    await eventually(titles).toEqual(
      expect.arrayContaining(['Flatbread', 'Knots and hitches', 'Tides of the North Sea']),
    );
    expect(await titles()).not.toContain('never');

    await page.chat('Tides').hover();
    await page.chatMenuButton('Tides of the North Sea').click();
    await page.menuItem('Move to trash').click();
    await page.toast.getByText('"Tides of the North Sea" is in the trash').waitFor();
    await eventually(titles).not.toContain('Tides of the North Sea');
    await page.sidebar.getByText('2 chats on this computer').waitFor();
    await page.undo.click();
    await page.chat('Tides').waitFor();
    await eventually(titles).toContain('Tides of the North Sea');

    // The chat on screen goes, and comes back to the screen.
    await page.chat('Flatbread').focus();
    await page.page.keyboard.press('Delete');
    await page.toast.getByText('"Flatbread" is in the trash').waitFor();
    await eventually(() => page.title.innerText()).toBe('New chat');
    await page.undo.click();
    await eventually(() => page.title.innerText()).toBe('Flatbread');
    expect(await page.lastAnswer.innerText()).toContain('I give the same answer');
  });

  test('says yesterday, then the week, then the month as days pass', async ({ stage }) => {
    const { app } = await stage.ready({ script: plainScript });
    const page = await stage.open(app);
    await page.ask('An old chat');
    await page.answered(1);
    await page.day('Today').waitFor();
    const now = Date.now();
    for (const [days, heading] of [
      [1, 'Yesterday'],
      [4, 'Previous 7 days'],
      [60, new Intl.DateTimeFormat('en-GB', { month: 'long', timeZone: 'UTC' }).format(now)],
    ] as const) {
      await page.page.clock.setFixedTime(now + days * DAY_MS);
      await page.page.reload();
      await page.day(new RegExp(heading)).getByRole('listitem').waitFor();
    }
  });
});

describe('quit and start again', () => {
  test('finds everything: chats, versions, titles, drafts, models, the chosen model', async ({ stage }) => {
    const { app, client } = await stage.ready({ ...talker, name: 'Keeper' });
    const page = await stage.open(app);
    await page.ask('First words');
    await page.lastAnswer.getByText('scripted model').first().waitFor();
    await page.stop.click();
    await page.answered(1);
    await page.answerAgain.click();
    await page.stop.waitFor();
    await page.lastAnswer.getByText('scripted model').first().waitFor();
    await page.stop.click();
    await page.version(2, 2).waitFor();
    await page.answered(1);
    await page.composer.fill('not sent yet');
    const { conversation } = await newestAnswer(client);
    await eventually(async () => (await client.conversations.get({ id: conversation.id })).draft).toBe(
      'not sent yet',
    );
    const before = await client.conversations.get({ id: conversation.id });
    const shown = await page.lastAnswer.innerText();
    expect(await app.stop()).toBe(0);

    stage.allow(/console: WebSocket connection to .* failed/, /ERR_CONNECTION_REFUSED/);
    const again = await stage.start();
    if (HOST === 'browser') expect(new URL(again.url).hash).not.toBe(new URL(app.url).hash);
    const back = await stage.open(again);
    await back.chat('First words').click();
    await back.version(2, 2).waitFor();
    expect(await back.lastAnswer.innerText()).toBe(shown);
    await eventually(() => back.composer.inputValue()).toBe('not sent yet');
    await back.chipSays('Unloaded, loads on send').waitFor();
    expect(await back.chip.innerText()).toContain('Keeper');
    const after = await stage.connect(again);
    expect(await after.conversations.get({ id: conversation.id })).toEqual(before);
    await back.composer.press('Enter');
    await back.chipSays('Answering').waitFor();
    await back.stop.click();
    await back.answered(2);
  });
});

describe('without a mouse', () => {
  test('adds a model, chats, stops, renames, deletes and undoes', async ({ stage }) => {
    await stage.writeModel('keys.gguf', { ...talker, name: 'Keys' });
    const app = await stage.start();
    const page = await stage.open(app);
    const { keyboard } = page.page;
    await page.addAndChat('keys').waitFor();
    await page.tabTo(page.addAndChat('keys'));
    await keyboard.press('Enter');
    await eventually(() => page.hasFocus(page.composer)).toBe(true);
    await page.chipSays('Ready').waitFor();
    await keyboard.type('Typed and sent by keys');
    await keyboard.press('Enter');
    await page.lastAnswer.getByText('scripted model').first().waitFor();
    await keyboard.press('Escape');
    await page.lastAnswer.getByText(/^Stopped after/).waitFor();
    await eventually(() => page.hasFocus(page.composer)).toBe(true);

    // F6 goes from region to region; the list of chats is one of them.
    await page
      .tabTo(page.chatFilter, { key: 'F6', limit: 10 })
      .catch(() => page.tabTo(page.chatFilter, { key: 'Shift+Tab' }));
    await page.tabTo(page.chat('Typed and sent by keys'));
    await keyboard.press('F2');
    await eventually(() => page.hasFocus(page.renameField)).toBe(true);
    await keyboard.type('Named by keys');
    await keyboard.press('Enter');
    await eventually(() => page.hasFocus(page.chat('Named by keys'))).toBe(true);
    await keyboard.press('Delete');
    await page.undo.waitFor();
    await page.chat('Named by keys').waitFor({ state: 'hidden' });
    await page.tabTo(page.undo);
    await keyboard.press('Enter');
    await page.chat('Named by keys').waitFor();

    const client = await stage.connect(app);
    expect((await client.conversations.list()).map((item) => item.title)).toEqual(['Named by keys']);
    // The shortcuts of the frame.
    await keyboard.press('Control+2');
    await page.openGguf.waitFor();
    await keyboard.press('Control+,');
    await page.page.getByRole('navigation', { name: 'Settings pages' }).waitFor();
    await keyboard.press('Control+1');
    await page.composer.waitFor();
    await keyboard.press(onHost.newChat.press);
    await eventually(() => page.title.innerText()).toBe('New chat');
    await eventually(() => page.hasFocus(page.composer)).toBe(true);
    await keyboard.press('Control+m');
    await page.picker.waitFor();
    await eventually(() => page.hasFocus(page.picker.getByRole('option', { name: /^Keys/ }))).toBe(true);
    await keyboard.press('Escape');
    await page.picker.waitFor({ state: 'hidden' });
  });
});
