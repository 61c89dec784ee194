import { test } from './fixture.ts';
import { audit, AUDITS_TIMEOUT_MS } from './accessibility.ts';
import { plainScript, reasoningScript } from '../support/gguf/scripted-model.ts';

test(
  'the inspector, its dialogs and the question before something is left out',
  { timeout: AUDITS_TIMEOUT_MS },
  async ({ stage }) => {
    const { app, client } = await stage.ready({
      script: plainScript,
      reasoning: reasoningScript,
      contextLength: 512,
    });
    await client.settings.update({ inspectorOpen: true });
    const page = await stage.open(app);
    await page.ask('Hello');
    await page.answered(1);
    await page.questions.first().getByRole('button', { name: 'More for this message' }).click();
    await page.menuItem('Pin in the context').click();
    await page.composer.fill('More words. '.repeat(90));
    await page.gauge.waitFor();
    await audit(page, 'inspector beside the chat', 'wide');
    await page.button('Library').click();
    await page.button('Save this chat’s settings as a preset').click();
    await audit(page, 'library of presets', 'wide');
    await page.page.keyboard.press('Escape');
    await page.button('What is sent').click();
    await page.page.getByRole('dialog').getByText('More words.').waitFor();
    await audit(page, 'what is sent', 'wide');
    await page.page.keyboard.press('Escape');
    await page.send.click();
    await page.card(/do not fit|too long/).waitFor();
    await audit(page, 'the question', 'narrow');
    await page.page.setViewportSize({ width: 900, height: 700 });
    await page.page.getByRole('complementary', { name: 'Inspector' }).waitFor({ state: 'hidden' });
    await page.page.keyboard.press('Control+i');
    await page.page.getByRole('dialog', { name: 'Inspector' }).waitFor();
    await audit(page, 'inspector as a sheet', 'narrow');
  },
);
