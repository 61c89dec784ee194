import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
});
