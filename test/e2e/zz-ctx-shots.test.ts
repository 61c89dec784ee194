import { test } from './fixture.ts';
import { longScript, reasoningScript } from '../support/gguf/scripted-model.ts';
test('shots', async ({ stage }) => {
  const { app, client } = await stage.ready({ script: longScript(900), thenStop: false, reasoning: reasoningScript, contextLength: 16384, name: 'Mistral 7B Instruct', fileType: 15 });
  await client.settings.update({ inspectorOpen: true, defaultSystemPrompt: 'You help a coastal sailor. Use metres and 24-hour time. Show the working in one line, then the answer.' });
  const page = await stage.open(app);
  for (let i = 1; i < 7; i++) { await page.ask(`Question ${i}`); await page.stop.waitFor(); await page.page.waitForTimeout(700); await page.stop.click(); await page.answered(i); }
  await page.ask('My boat draws 1.6 m and the sill dries 2.1 m. When can I cross?');
  await page.stop.waitFor();
  await page.page.waitForTimeout(3500);
  await page.composer.fill('Then show the same for Saturday morning.\nUse chart datum.');
  await page.page.getByRole('complementary', { name: 'Inspector' }).hover();
  await page.page.mouse.wheel(0, 2000);
  await page.page.waitForTimeout(1200);
  await page.page.screenshot({ path: '/tmp/ctxshots/live.png' });
  await page.stop.click();
});
