import { describe, expect } from 'vitest';
import { plainScript } from '../support/gguf/scripted-model.ts';
import { eventually, newestAnswer, talker, test } from './fixture.ts';
import { HOST, onHost } from './host.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

describe('the list of chats', () => {
  test('groups by day, renames in three ways and moves to the trash with a way back', async ({ stage }) => {
    const { app, client } = await stage.share({ script: plainScript });
    const page = await stage.open(app);
    for (const [index, title] of ['Tides of the North Sea', 'Bread without yeast', 'Knots'].entries()) {
      if (index > 0) await page.newChat.click();
      await page.ask(title);
      await page.answered(1);
    }
    const titles = async () => (await client.conversations.list()).map((item) => item.title);
    expect(await page.day('Today').getByRole('listitem').count()).toBe(3);
    await page.sidebar.getByText('3 chats on this computer').waitFor();

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
    await page.toast.getByText('"Tides of the North Sea" moved to the trash').waitFor();
    await eventually(titles).not.toContain('Tides of the North Sea');
    await page.sidebar.getByText('2 chats on this computer').waitFor();
    await page.undo.click();
    await page.chat('Tides').waitFor();
    await eventually(titles).toContain('Tides of the North Sea');

    // The chat on screen goes, and comes back to the screen.
    await page.chat('Flatbread').focus();
    await page.page.keyboard.press('Delete');
    await page.toast.getByText('"Flatbread" moved to the trash').waitFor();
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

describe('order among many chats', () => {
  test('folders, tags, pins, the archive and the trash, each step with a way back', async ({ stage }) => {
    const { app, client } = await stage.share({ script: plainScript });
    const page = await stage.open(app);
    const { keyboard } = page.page;
    const names = ['Tides', 'Bread', 'Knots', 'Invoices'];
    for (const [index, title] of names.entries()) {
      if (index > 0) await page.newChat.click();
      await page.ask(title);
      await page.answered(1);
    }
    const byTitle = async (title: string) =>
      (await client.conversations.list()).find((c) => c.title === title);

    // A folder for a chat, from the chat.
    await page.chatStep('Tides', 'Move to folder');
    await page.dialog('Move "Tides"').getByRole('button', { name: 'New folder' }).click();
    await page.dialog('New folder').getByRole('textbox').fill('Boat');
    await keyboard.press('Enter');
    await page.toast.getByText('"Tides" moved to Boat').waitFor();
    await page.folder('Boat').filter({ hasText: '1' }).waitFor();
    await page.undo.click();
    await page.folder('Boat').filter({ hasText: '0' }).waitFor();
    // By dragging.
    await page.chat('Tides').dragTo(page.folder('Boat'));
    await page.folder('Boat').filter({ hasText: '1' }).waitFor();
    await page.chat('Tides').click();
    await page.page
      .getByRole('navigation', { name: 'Folders' })
      .getByRole('button', { name: 'Boat' })
      .waitFor();

    // A folder inside, by keys; what new chats in it begin with; a chat begun in it.
    await page.folder('Boat').focus();
    await keyboard.press('Shift+F10');
    await page.menuItem('New folder inside').click();
    await page.dialog('New folder').getByRole('textbox').fill('Letters');
    await keyboard.press('Enter');
    await page.folder('Letters').waitFor();
    await page.folder('Letters').click({ button: 'right' });
    await page.menuItem('What new chats begin with').click();
    const defaults = page.dialog('New chats in Letters');
    await defaults.getByRole('switch', { name: 'Own system prompt for this folder' }).click();
    await defaults.getByRole('textbox', { name: 'System prompt' }).fill('Answer as a harbour master.');
    await defaults.getByRole('button', { name: 'Save' }).click();
    await page.folder('Letters').click({ button: 'right' });
    await page.menuItem('New chat here').click();
    await page.ask('To the harbour');
    await page.answered(1);
    const harbour = await byTitle('To the harbour');
    const begun = await client.conversations.get({ id: harbour?.id ?? '' });
    expect(begun.settings.systemPrompt).toBe('Answer as a harbour master.');
    await page.folder('Boat').click();
    await eventually(() => page.sidebar.getByRole('listitem').count()).toBe(2);
    await page.button('Show all chats').click();
    await eventually(() => page.sidebar.getByRole('listitem').count()).toBe(5);
    await page.folder('Letters').focus();
    await keyboard.press('F2');
    await page.page.getByRole('textbox', { name: 'Name of the folder' }).fill('Post');
    await keyboard.press('Enter');
    await page.folder('Post').waitFor();
    // A folder is dragged out of another and back in, and not into what lies in it.
    const levelOfPost = () => page.folder('Post').getAttribute('aria-level');
    await page.folder('Post').dragTo(page.sidebar.getByRole('heading', { name: 'Folders' }));
    await eventually(levelOfPost).toBe('1');
    await page.folder('Post').dragTo(page.folder('Boat'));
    await eventually(levelOfPost).toBe('2');
    await page.folder('Boat').dragTo(page.folder('Post'));
    expect((await client.folders.list()).find(({ name }) => name === 'Boat')?.parentId).toBeNull();
    await page.folder('Boat').focus();
    await keyboard.press('Delete');
    await page
      .dialog('Delete the folder Boat?')
      .getByRole('button', { name: /keep chats/ })
      .click();
    await page.folder('Boat').waitFor({ state: 'hidden' });
    expect((await byTitle('Tides'))?.folderId).toBeNull();
    await page.undo.last().click();
    await page.folder('Boat').filter({ hasText: '2' }).waitFor();

    // Tags, shown above the chat; pins; the archive.
    await page.chatStep('Knots', 'Tags');
    const tags = page.dialog('Tags of "Knots"');
    await tags.getByRole('textbox', { name: 'New tag' }).fill('sailing');
    await tags.getByRole('button', { name: 'Add tag' }).click();
    await eventually(() => tags.getByRole('checkbox', { name: 'sailing' }).isChecked()).toBe(true);
    await client.tags.create({ name: 'work' });
    await tags.getByRole('button', { name: 'Rename the tag sailing' }).click();
    const tagName = tags.getByRole('textbox', { name: 'Name of the tag' });
    await tagName.fill('Work');
    await keyboard.press('Enter');
    await tags.getByText('Another tag has this name.').waitFor();
    await tagName.fill('boating');
    await keyboard.press('Enter');
    await eventually(() => tags.getByRole('checkbox', { name: 'boating' }).isChecked()).toBe(true);
    await tags.getByRole('button', { name: 'Save tags' }).click();
    await page.chat('Knots').click();
    await page.button('Tags: boating').waitFor();
    await page.chatStep('Bread', 'Pin');
    await page.day('Pinned').getByRole('listitem').getByText('Bread').waitFor();
    await page.chatStep('Invoices', 'Archive');
    await page.chat('Invoices').waitFor({ state: 'hidden' });
    await page.button('Archive and trash').click();
    await page.menuItem('Archive').click();
    await page.sidebar.getByText('1 chat in the archive').waitFor();
    await page.chatStep('Invoices', 'Back to the chats');
    await page.sidebar.getByText('Nothing is in the archive.').waitFor();
    await page.button('Back to the chats').click();
    await page.chat('Invoices').waitFor();

    // Several at once: a range by keys, to the trash, back, and there for good.
    await page.chat('Invoices').click({ modifiers: ['Control'] });
    const knots = page.sidebar.getByRole('checkbox', { name: /^Knots/ });
    await knots.click({ modifiers: ['Shift'] });
    await page.sidebar.getByText('2 selected').waitFor();
    await knots.press('Delete');
    await page.toast.getByText('2 chats moved to the trash').waitFor();
    await page.sidebar.getByText('3 chats on this computer').waitFor();
    await page.button('Archive and trash').click();
    await page.menuItem('Trash').click();
    await page.sidebar.getByText('Chats are deleted 30 days after they came here.').waitFor();
    await page.chatStep('Invoices', 'Restore');
    await page.sidebar.getByText('1 chat in the trash').waitFor();
    await page.chat('Knots').focus();
    await keyboard.press('Delete');
    const question = page.dialog('Delete 1 chat for ever?');
    await eventually(() => page.hasFocus(question.getByRole('button', { name: 'Keep chats' }))).toBe(true);
    await question.getByRole('button', { name: 'Delete 1 chat' }).click();
    await page.sidebar.getByText('The trash is empty.').waitFor();
    await page.button('Back to the chats').click();
    await page.sidebar.getByText('4 chats on this computer').waitFor();
    expect((await client.conversations.list()).map(({ title }) => title).sort()).toEqual(
      ['Bread', 'Invoices', 'Tides', 'To the harbour'].sort(),
    );
  });

  test('search, the palette and temporary chats', async ({ stage }) => {
    const { app, client } = await stage.share({ script: plainScript });
    const page = await stage.open(app);
    const { keyboard } = page.page;
    await page.ask('How high is the lighthouse of Eckmühl');
    await page.answered(1);
    const { conversation } = await newestAnswer(client);
    const [asked] = conversation.messages;
    // Another version is shown now: what was asked first lies on a branch out of sight.
    await client.tree.editQuestion({
      requestId: crypto.randomUUID(),
      messageId: asked?.id ?? '',
      text: 'How old is the tower',
    });
    await page.questions.getByText('How old is the tower').waitFor();
    await page.answered(1);
    await page.newChat.click();
    await page.ask('A recipe for rye bread');
    await page.answered(1);

    await keyboard.press('Control+Shift+f');
    await eventually(() => page.hasFocus(page.chatFilter)).toBe(true);
    await keyboard.type('eckmuhl light');
    const hit = page.sidebar.getByRole('button', { name: /^You .*lighthouse of Eckmühl/ });
    await hit.waitFor();
    expect((await hit.locator('mark').allInnerTexts()).sort()).toEqual(['Eckmühl', 'lighthouse']);
    expect(await page.sidebar.getByRole('button', { name: /rye bread/ }).count()).toBe(0);
    await page.chatFilter.press('ArrowDown');
    await keyboard.press('ArrowDown');
    await eventually(() => page.hasFocus(hit)).toBe(true);
    await keyboard.press('Enter');
    const found = page.questions.filter({ hasText: 'lighthouse of Eckmühl' });
    await found.waitFor();
    await eventually(() => page.hasFocus(found)).toBe(true);
    await page.chatFilter.fill('zeppelin');
    await page.sidebar.getByText('No chat matches "zeppelin"').waitFor();
    await page.chatFilter.fill('bread');
    await page.button('Filters').click();
    await page.page.getByRole('combobox', { name: 'Date' }).selectOption({ label: 'Last 7 days' });
    await page.page.getByRole('combobox', { name: 'Where' }).selectOption({ label: 'Archive' });
    await keyboard.press('Escape');
    await page.sidebar.getByText('No chat matches "bread"').waitFor();
    await page.button('Remove the filter Archive').click();
    await page.sidebar
      .getByRole('button', { name: /rye bread/ })
      .first()
      .waitFor();
    await page.button('End search').click();
    await page.sidebar.getByText('2 chats on this computer').waitFor();

    // The palette: a chat by the beginnings of its words, a command with its keys, a search through it.
    await keyboard.press('Control+k');
    await eventually(() => page.hasFocus(page.palette.getByRole('combobox'))).toBe(true);
    await page.palette
      .getByRole('option', { name: new RegExp(`^New chat.*${onHost.newChat.shown.split(' ')[0]}`) })
      .waitFor();
    await keyboard.type('arfrb');
    await page.palette.getByRole('option', { name: 'A recipe for rye bread', selected: true }).waitFor();
    await keyboard.press('Enter');
    await page.palette.waitFor({ state: 'hidden' });
    await eventually(() => page.title.innerText()).toBe('A recipe for rye bread');
    await page.page.getByRole('button', { name: /^Search chats, models and commands/ }).click();
    await keyboard.type('temporary');
    await keyboard.press('Enter');

    // A temporary chat: said before, in no list of the core, kept or gone.
    await eventually(() => page.title.innerText()).toBe('Temporary chat');
    await page.text('Nothing of this chat is saved.').waitFor();
    await page.ask('Between us');
    await page.answered(1);
    await page.day('Temporary').getByRole('listitem').getByText('Between us').waitFor();
    expect((await client.conversations.list()).length).toBe(2);
    await page.button('Keep this chat').click();
    await page.day('Temporary').waitFor({ state: 'hidden' });
    await eventually(async () => (await client.conversations.list()).length).toBe(3);
    await keyboard.press(onHost.newChat.press.replace('+n', '+Shift+n'));
    await page.ask('Gone soon');
    await page.answered(1);
    await page.button('More for this chat').click();
    await page.menuItem('Close and forget').click();
    const forget = page.dialog('Forget 1 chat?');
    await forget.getByText('This cannot be undone.').waitFor();
    await forget.getByRole('button', { name: 'Forget', exact: true }).click();
    await eventually(() => page.title.innerText()).toBe('New chat');
    expect((await client.conversations.list()).length).toBe(3);
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
