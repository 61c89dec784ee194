import { expect } from 'vitest';
import { longScript, plainScript } from '../support/gguf/scripted-model.ts';
import { eventually, newestAnswer, test } from './fixture.ts';

const SHOTS = process.env['CONTEXT_SHOTS'];

test('look', async ({ stage }) => {
  const { app, client } = await stage.ready({ script: longScript(60), name: 'Talker', contextLength: 1024 });
  await client.settings.update({ inspectorOpen: true, defaultSystemPrompt: 'You help a coastal sailor. Use metres and 24-hour time.' });
  const page = await stage.open(app);
  await page.ask('Low water at Brest tomorrow is 1.2 m at 10:52. Estimate the height each hour.');
  await page.answered(1);
  await page.ask('And on Saturday?');
  await page.answered(2);
  await page.composer.fill('Then show the same for Sunday.');
  await page.page.waitForTimeout(1500);
  if (SHOTS) await page.page.screenshot({ path: `${SHOTS}/wide.png` });
  await page.button('Library').click();
  await page.page.waitForTimeout(500);
  if (SHOTS) await page.page.screenshot({ path: `${SHOTS}/library.png` });
  await page.page.keyboard.press('Escape');
  await page.page.emulateMedia({ colorScheme: 'dark' });
  await page.page.waitForTimeout(500);
  if (SHOTS) await page.page.screenshot({ path: `${SHOTS}/dark.png` });
  await page.page.emulateMedia({ colorScheme: 'light' });
  for (let i = 3; i < 14; i++) {
    const before = await page.answers.count();
    await page.ask(`Question number ${i} `.repeat(8));
    await page.page.waitForTimeout(1200);
    if ((await page.answers.count()) === before) break;
    await page.answered();
  }
  if (SHOTS) await page.page.screenshot({ path: `${SHOTS}/full.png` });
  await page.button('Send without those').click();
  await page.page.waitForTimeout(2500);
  await page.log.hover();
  await page.page.mouse.wheel(0, -5000);
  await page.page.waitForTimeout(500);
  if (SHOTS) await page.page.screenshot({ path: `${SHOTS}/leftout.png` });
  await page.page.setViewportSize({ width: 900, height: 700 });
  await page.page.waitForTimeout(500);
  if (SHOTS) await page.page.screenshot({ path: `${SHOTS}/narrow.png` });
  await page.page.keyboard.press('Control+i');
  await page.page.waitForTimeout(500);
  if (SHOTS) await page.page.screenshot({ path: `${SHOTS}/narrow-sheet.png` });
  expect(1).toBe(1);
  void eventually; void newestAnswer; void plainScript;
});
