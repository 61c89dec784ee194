import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { markdownScript } from '../support/gguf/scripted-model.ts';
import { test } from './fixture.ts';
test('long', async ({ stage }) => {
  const { app } = await stage.ready({ script: markdownScript });
  const page0 = await stage.open(app);
  await page0.ask('A first question');
  await page0.answered(1);
  await page0.page.close();
  await app.stop();
  const file = readdirSync(stage.folders.dataDir).find((name) => /\.(db|sqlite3?)$/.test(name))!;
  const db = new Database(join(stage.folders.dataDir, file));
  const rows = db.prepare('SELECT * FROM messages ORDER BY rowid').all() as Record<string, unknown>[];
  const seqName = 'seq' in rows[0]! ? 'seq' : 'rowid';
  let parent = rows.at(-1)!['id'];
  db.transaction(() => {
    for (let i = 0; i < 1998; i += 1) {
      const row = { ...rows[i % 2]!, id: randomUUID(), parent_id: parent } as Record<string, unknown>;
      delete row[seqName]; if (row['request_id'] != null) row['request_id'] = randomUUID();
      if (i % 2 === 0) row['text'] = `Question ${i / 2 + 2}`;
      const keys = Object.keys(row);
      db.prepare(`INSERT INTO messages (${keys.join(',')}) VALUES (${keys.map((k) => '@' + k).join(',')})`).run(row);
      parent = row['id'];
    }
    db.prepare('UPDATE conversations SET active_leaf_id = ?').run(parent);
  })();
  db.close();
  const again = await stage.start();
  const now = () => performance.now(); void now;
  const page = await stage.open(again);
  await page.chat('A first question').waitFor();
  await page.newChat.click();
  for (let round = 0; round < 2; round += 1) {
    const ms = await page.page.evaluate(async () => {
      const button = [...document.querySelectorAll('aside button, [role=complementary] button, nav button')].find((b) => b.textContent?.includes('A first question')) as HTMLElement
        ?? [...document.querySelectorAll('button')].find((b) => b.textContent?.includes('A first question'))!;
      const start = performance.now();
      button.click();
      while (!(document.querySelectorAll('[role=log] article').length > 3)) await new Promise((r) => requestAnimationFrame(r));
      const shown = performance.now() - start;
      const frames: number[] = [];
      await new Promise((r) => setTimeout(r, 500));
      const log = document.querySelector('[role=log]')!;
      let last = performance.now();
      let n = 0;
      while (log.scrollTop > 0 && n < 600) {
        n += 1;
        log.scrollTop -= 4000;
        await new Promise((r) => requestAnimationFrame(r));
        frames.push(performance.now() - last);
        last = performance.now();
      }
      frames.sort((a, b) => a - b);
      return { shown, n, p50: frames[Math.floor(frames.length / 2)], p99: frames[Math.floor(frames.length * 0.99)], max: frames.at(-1), articles: document.querySelectorAll('[role=log] article').length, first: document.querySelector('[role=log] article')?.textContent?.slice(0, 60) };
    });
    console.log('LONG', JSON.stringify(ms));
    if (round === 0) {
      await page.page.keyboard.press('Control+f');
      const field = page.page.getByRole('searchbox', { name: 'Find in this chat' });
      const find = await page.page.evaluate(() => performance.now());
      await field.fill('Question 77');
      await page.page.getByText(/^\d+ of \d+$/).first().waitFor();
      console.log('FIND', (await page.page.evaluate(() => performance.now())) - find, await page.page.getByText(/^\d+ of \d+$/).first().innerText());
      await field.press('Escape');
    }
    await page.newChat.click();
    await page.page.waitForFunction(() => document.querySelectorAll('[role=log] article').length === 0);
  }
});
