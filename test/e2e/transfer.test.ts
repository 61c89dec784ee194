import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { strFromU8, unzipSync } from 'fflate';
import { describe, expect, onTestFinished } from 'vitest';
import { plainScript } from '../support/gguf/scripted-model.ts';
import { chatGptExport } from '../support/imports/chatgpt.ts';
import { janMessages, janThread, linesOf } from '../support/imports/jan.ts';
import { lmStudioChat } from '../support/imports/lm-studio.ts';
import { temporaryFolder } from '../support/store/fixtures.ts';
import { faultsOf } from './accessibility.ts';
import type { AppPage } from './app-page.ts';
import { test } from './fixture.ts';
import { HAS_TABS } from './host.ts';

/** Gives the page a file as its own picker would. */
const choose = ({ page }: AppPage, name: string, content: string) =>
  page
    .getByLabel('Chats from files', { exact: true })
    .and(page.locator('input'))
    .setInputFiles({ name, mimeType: 'application/json', buffer: Buffer.from(content) });

describe('chats in and out', () => {
  test('chats of other programs come in with a report, twice add nothing; all goes out again, for training too', async ({
    stage,
  }) => {
    const folder = temporaryFolder();
    onTestFinished(folder.dispose);
    const { app, client } = await stage.ready({ script: plainScript }, { load: false });
    const page = await stage.open(app);
    await page.openSettings('Chats');
    const card = page.page.getByRole('region', { name: 'Import' });
    await choose(page, 'conversations.json', JSON.stringify(chatGptExport));
    await card.getByText('2 chats imported, 5 messages').waitFor();
    await card.getByText('Calls of tools and what they answered: 2.').waitFor();
    await choose(page, 'conversations.json', JSON.stringify(chatGptExport));
    await card.getByText('Nothing new was found').waitFor();
    await card.getByText('2 chats were here before.').waitFor();
    await choose(page, 'half.json', JSON.stringify(chatGptExport).slice(0, -9));
    await card.getByRole('alert').getByText('It ends too early.').waitFor();
    await choose(page, 'picture.json', 'GIF89a');
    await card.getByRole('alert').getByText('It is not a file of chats').waitFor();

    // Two programs at once, from a folder as the browser gives it.
    const threads = join(folder.path, 'threads', janThread.id);
    await mkdir(threads, { recursive: true });
    await writeFile(join(threads, 'thread.json'), JSON.stringify(janThread));
    await writeFile(join(threads, 'messages.jsonl'), linesOf(janMessages));
    await writeFile(join(folder.path, '1.conversation.json'), JSON.stringify(lmStudioChat));
    await writeFile(join(folder.path, '2.conversation.json'), '{"messages":[');
    await writeFile(join(folder.path, 'notes.txt'), 'nothing of it');
    await page.page.getByLabel('Chats from a folder', { exact: true }).setInputFiles(folder.path);
    await card.getByText('2 chats imported, 10 messages').waitFor();
    await card.getByText('2.conversation.json: ends too early').waitFor();

    await page.page.getByRole('button', { name: 'Export chats' }).click();
    const dialog = page.page.getByRole('dialog', { name: 'Export all chats' });
    expect(await dialog.getByRole('radio', { name: /^JSON/ }).isChecked()).toBe(true);
    await dialog.getByRole('radio', { name: 'Training file' }).check();
    const preview = dialog.getByRole('region', { name: 'Preview' });
    await preview.getByText('The first chat:').waitFor();
    const written = preview.getByRole('group', { name: 'As the model reads it' });
    await written.waitFor();
    expect(await faultsOf(page, 'wide')).toEqual([]);
    await dialog.getByRole('spinbutton', { name: 'Answers at least' }).fill('9');
    await dialog.getByRole('spinbutton', { name: 'Answers at least' }).press('Enter');
    await preview.getByText('No chat passes these filters.').waitFor();
    await dialog.getByRole('spinbutton', { name: 'Answers at least' }).fill('1');
    await dialog.getByRole('spinbutton', { name: 'Answers at least' }).press('Enter');
    await written.waitFor();
    await preview.getByRole('radio', { name: 'Line of the file' }).check({ force: true });
    const line = await preview.getByRole('group', { name: 'Line of the file' }).innerText();
    expect(JSON.parse(line)).toHaveProperty('messages');
    await preview.getByRole('radio', { name: 'Template' }).check({ force: true });
    await preview.getByRole('group', { name: 'Template' }).getByText('messages').waitFor();
    // A desktop asks with the system's dialog where to; desktop-files.test.ts answers that.
    const training = HAS_TABS ? page.page.waitForEvent('download') : null;
    await dialog.getByRole('button', { name: 'Export', exact: true }).click();
    if (training) expect(await readFile(await (await training).path(), 'utf8')).toContain(`${line}\n`);
    await dialog.waitFor({ state: 'hidden' });

    await page.page.getByRole('button', { name: 'Export chats' }).click();
    await dialog.getByRole('radio', { name: 'Markdown' }).check();
    const saved = page.page.waitForEvent('download');
    await dialog.getByRole('button', { name: 'Export', exact: true }).click();
    const files = unzipSync(new Uint8Array(await readFile(await (await saved).path())));
    expect(Object.keys(files).sort()).toEqual(['Bees.md', 'Knots.md', 'Tide tables.md', 'What is this.md']);
    expect(strFromU8(files['Tide tables.md'] ?? new Uint8Array())).toContain('At 10:54, **UTC**.');
    await dialog.waitFor({ state: 'hidden' });

    await page.rail('Chat').click();
    await page.chat('What is this?').click();
    await page.log.getByText('SELECT 1').waitFor();
    expect(await client.conversations.list()).toHaveLength(3);
    await page.chat('Knots').click();
    await page.log.getByText('A clove hitch.').waitFor();
  });
});
