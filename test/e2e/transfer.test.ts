import { readFile } from 'node:fs/promises';
import { strFromU8, unzipSync } from 'fflate';
import { describe, expect } from 'vitest';
import { plainScript } from '../support/gguf/scripted-model.ts';
import { chatGptExport } from '../support/imports/chatgpt.ts';
import type { AppPage } from './app-page.ts';
import { test } from './fixture.ts';

/** Gives the page a file as its own picker would. */
const choose = ({ page }: AppPage, name: string, content: string) =>
  page
    .getByLabel('Chats from a file', { exact: true })
    .and(page.locator('input'))
    .setInputFiles({ name, mimeType: 'application/json', buffer: Buffer.from(content) });

describe('chats in and out', () => {
  test('an export of ChatGPT comes in with a report, twice adds nothing; all of it goes out again', async ({
    stage,
  }) => {
    const { app, client } = await stage.ready({ script: plainScript }, { load: false });
    const page = await stage.open(app);
    await page.openSettings('Chats');
    const card = page.page.getByRole('region', { name: 'Import' });
    await choose(page, 'conversations.json', JSON.stringify(chatGptExport));
    await card.getByText('2 chats imported, 5 messages').waitFor();
    await card.getByText('Calls of tools and what they answered: 2.').waitFor();
    await choose(page, 'conversations.json', JSON.stringify(chatGptExport));
    await card.getByText('Nothing new in this file').waitFor();
    await card.getByText('2 chats were here before.').waitFor();
    await choose(page, 'half.json', JSON.stringify(chatGptExport).slice(0, -9));
    await card.getByRole('alert').getByText('It ends too early.').waitFor();
    await choose(page, 'picture.json', 'GIF89a');
    await card.getByRole('alert').getByText('It is not a file of chats').waitFor();

    await page.page.getByRole('button', { name: 'Export chats' }).click();
    const dialog = page.page.getByRole('dialog', { name: 'Export all chats' });
    expect(await dialog.getByRole('radio', { name: 'JSON' }).isChecked()).toBe(true);
    await dialog.getByRole('radio', { name: 'Markdown' }).check();
    const saved = page.page.waitForEvent('download');
    await dialog.getByRole('button', { name: 'Export', exact: true }).click();
    const files = unzipSync(new Uint8Array(await readFile(await (await saved).path())));
    expect(Object.keys(files).sort()).toEqual(['Tide tables.md', 'What is this.md']);
    expect(strFromU8(files['Tide tables.md'] ?? new Uint8Array())).toContain('At 10:54, **UTC**.');
    await dialog.waitFor({ state: 'hidden' });

    await page.rail('Chat').click();
    await page.chat('What is this?').click();
    await page.log.getByText('SELECT 1').waitFor();
    expect(await client.conversations.list()).toHaveLength(1);
  });
});
