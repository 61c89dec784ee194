import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect } from 'vitest';
import { plainScript } from '../support/gguf/scripted-model.ts';
import { faultsOf } from './accessibility.ts';
import { eventually, test } from './fixture.ts';

describe('backups', () => {
  test('made and restored in Settings with the way back; a damaged database opens the backup that is chosen', async ({
    stage,
  }) => {
    const { app, client } = await stage.ready({ script: plainScript });
    const page = await stage.open(app);
    await page.ask('Keep this lighthouse');
    await page.answered(1);
    await page.openSettings('Chats');
    const card = page.page.getByRole('region', { name: 'Backups' });
    await card.getByText('No backup yet.').waitFor();
    await card.getByRole('button', { name: 'Back up now' }).click();
    await card.getByText('The backup is made.').waitFor();
    const rows = card.getByRole('list', { name: 'Backups, newest first' }).getByRole('listitem');
    await rows.getByText('Made by hand · 1 chat').waitFor();

    const [chat] = await client.conversations.list();
    await client.conversations.remove({ id: chat?.id ?? '' });
    await client.history.emptyTrash();
    await page.rail('Chat').click();
    await eventually(() => page.chat('Keep this lighthouse').count()).toBe(0);

    await page.openSettings('Chats');
    await card.getByRole('button', { name: /^Restore the backup of/ }).click();
    const dialog = page.page.getByRole('dialog', { name: /^Restore the backup of/ });
    await dialog.getByText('so this can be undone').waitFor();
    expect(await faultsOf(page, 'wide')).toEqual([]);
    await dialog.getByRole('button', { name: 'Restore' }).click();
    await card.getByText('The backup is in place.').waitFor();
    await rows.first().getByText('Before a restore · 0 chats').waitFor();
    expect(await rows.count()).toBe(2);
    await page.rail('Chat').click();
    await page.chat('Keep this lighthouse').click();
    await page.log.getByText('I give the same answer').waitFor();
    await page.page.close();
    await app.stop();

    const file = join(stage.folders.dataDir, 'leeward.db');
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill(0x5a, 4_096));
    const again = await stage.start();
    const next = await stage.open(again);
    await next.page.getByRole('heading', { name: 'The chat database does not pass its check' }).waitFor();
    await next.button('Look at what can still be read').click();
    await next.page.getByRole('alert').getByText('Nothing of this database can be read.').waitFor();
    const good = next.page.getByRole('list', { name: 'Backups, newest first' }).getByRole('listitem');
    expect(await faultsOf(next, 'wide', () => Promise.resolve())).toEqual([]);
    expect(await good.count()).toBe(2);
    await good
      .filter({ hasText: 'Made by hand' })
      .getByRole('button', { name: /^Open the backup of/ })
      .click();
    await next.chat('Keep this lighthouse').click();
    await next.log.getByText('I give the same answer').waitFor();
    const kept = readdirSync(stage.folders.dataDir).filter((name) => name.startsWith('leeward-damaged-'));
    expect(kept).toHaveLength(1);
    expect(readFileSync(join(stage.folders.dataDir, kept[0] ?? '')).equals(bytes)).toBe(true);
  });

  test('of a damaged database what can be read is shown for reading only; a newer one is left as it is', async ({
    stage,
  }) => {
    const { app, client } = await stage.ready({ script: plainScript });
    const page = await stage.open(app);
    await page.ask('Keep this harbour');
    await page.answered(1);
    await client.backups.make();
    await page.page.close();
    await app.stop();

    const file = join(stage.folders.dataDir, 'leeward.db');
    const hash = () => createHash('sha256').update(readFileSync(file)).digest('hex');
    damageIndex(file, 'messages_by_conversation');
    const damaged = hash();
    const again = await stage.start();
    const next = await stage.open(again);
    await next.page.getByRole('heading', { name: 'The chat database does not pass its check' }).waitFor();
    await next.button('Look at what can still be read').click();
    const notice = next.page
      .getByRole('status')
      .filter({ hasText: 'You are looking at what can still be read' });
    await notice.getByText('1 chat with 2 messages could be read.').waitFor();
    await next.chat('Keep this harbour').click();
    await next.log.getByText('I give the same answer').waitFor();
    expect(await faultsOf(next, 'wide')).toEqual([]);
    await next.composer.fill('This is not lost');
    await next.composer.press('Enter');
    await next.page.getByText('The chats are open for reading only').first().waitFor();
    expect(await next.composer.inputValue()).toBe('This is not lost');
    await next.composer.fill('');
    await notice.getByRole('button', { name: 'Export chats' }).click();
    await next
      .dialog(/Export/)
      .getByRole('button', { name: 'Cancel' })
      .click();
    expect(hash()).toBe(damaged);
    await notice.getByRole('button', { name: 'Choose a backup' }).click();
    await next.button(/^Open the backup of/).click();
    await next.chat('Keep this harbour').waitFor();
    expect(existsSync(join(stage.folders.dataDir, 'salvaged'))).toBe(false);
    await next.page.close();
    await again.stop();

    const db = new Database(file);
    db.pragma('user_version = 9990');
    db.close();
    const newer = hash();
    const last = await stage.open(await stage.start());
    await last.page.getByRole('heading', { name: 'Your chats were saved by a newer Leeward' }).waitFor();
    await last.button(/^Open the backup of/).waitFor();
    expect(await faultsOf(last, 'wide', () => Promise.resolve())).toEqual([]);
    expect(hash()).toBe(newer);
    await last.button(/^Open the backup of/).click();
    await last.chat('Keep this harbour').waitFor();
  });

  test('delete for ever names the day until which backups hold a chat; erase leaves nothing anywhere', async ({
    stage,
  }) => {
    const { app, client } = await stage.ready({ script: plainScript });
    const page = await stage.open(app);
    for (const [index, word] of [DELETED, ERASED].entries()) {
      if (index > 0) await page.button('New chat').first().click();
      await page.ask(`About ${word}`);
      await page.answered(1);
    }
    await client.backups.make();
    const { dataDir } = stage.folders;
    const filesWith = (word: string) =>
      readdirSync(dataDir, { recursive: true, encoding: 'utf8' })
        .filter((name) => statSync(join(dataDir, name)).isFile())
        .filter((name) => readFileSync(join(dataDir, name)).includes(word));
    expect(filesWith(DELETED).length).toBeGreaterThan(1);

    for (const word of [DELETED, ERASED]) await page.chatStep(`About ${word}`, 'Move to trash');
    await page.button('Archive and trash').click();
    await page.menuItem('Trash').click();
    await page.chat(DELETED).focus();
    await page.page.keyboard.press('Delete');
    const question = page.dialog('Delete 1 chat for ever?');
    const end = new Date(Date.now() + 30 * 86_400_000);
    const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
    await question.getByText(`1 backup holds them still, until ${day.format(end)}`).waitFor();
    await question.getByRole('button', { name: 'Delete 1 chat' }).click();
    await eventually(() => filesWith(DELETED).filter((name) => !name.startsWith('backups'))).toEqual([]);
    expect(filesWith(DELETED)).toHaveLength(1);

    await page.chat(ERASED).focus();
    await page.page.keyboard.press('Delete');
    await question.getByRole('button', { name: 'Erase everywhere' }).click();
    await page.sidebar.getByText('The trash is empty.').waitFor();
    await eventually(() => filesWith(ERASED)).toEqual([]);
    expect(await client.backups.list()).toMatchObject([{ chats: 1 }]);
    await page.page.close();
    await app.stop();
    expect(filesWith(ERASED)).toEqual([]);
    expect(filesWith(DELETED).filter((name) => !name.startsWith('backups'))).toEqual([]);
  });
});

const DELETED = 'quuxdeletedcanary';
const ERASED = 'quuxerasedcanary';

/** Overwrites the root page of an index: every chat can be read still, and the check fails. */
function damageIndex(file: string, index: string): void {
  const db = new Database(file, { readonly: true });
  const root =
    db.prepare<[string], number>('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck().get(index) ?? 0;
  const size = Number(db.pragma('page_size', { simple: true }));
  db.close();
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.fill(0x5a, (root - 1) * size, root * size));
}
