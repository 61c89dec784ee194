import { join } from 'node:path';
import { describe, expect, vi } from 'vitest';
import topicsFile from '../../resources/guide/topics.json' with { type: 'json' };
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';
import { eventually, test } from './fixture.ts';
import { onHost } from './host.ts';

// A scripted model says a topic's answer in the guide's place: what the app does around it. What a trained one says
// is evaluated by `npm run guide:evaluate`.

const answer = topicsFile.topics.find(({ id }) => id === 'find-models')?.answer ?? '';

describe('the guide', () => {
  test('answers before anything is downloaded, leads on, and steps back for a real model', async ({
    stage,
  }) => {
    const guide = join(stage.folders.root, 'guide.gguf');
    await writeScriptedModel(guide, { script: answer });
    vi.stubEnv('LEEWARD_GUIDE_FILE', guide);
    stage.onEnd(() => vi.unstubAllEnvs());
    const app = await stage.start();
    const client = await stage.connect(app);
    const page = await stage.open(app);
    await page.firstRun.waitFor();
    await page.page.getByRole('heading', { name: 'Guide, built in: ask how Leeward works' }).waitFor();
    await page.button('Ask the guide').click();
    await page.chipSays('Ready').waitFor();
    expect(await page.chip.innerText()).toContain('Guide');

    const questions = page.page.getByRole('group', { name: 'Questions to begin with' });
    await questions.getByRole('button', { name: 'How do I get a model?' }).click();
    await eventually(() => page.hasFocus(page.composer)).toBe(true);
    await page.page.keyboard.press('Enter');
    await page.answered(1);
    expect(await page.lastAnswer.innerText()).toContain('Nothing connects before you press Search');
    // What it speaks of is one press away, and no mark of a link is left in the text.
    expect(await page.lastAnswer.innerText()).not.toContain('leeward:');
    const places = page.lastAnswer.getByRole('group', { name: 'Places in the app' });
    await places.getByRole('button').first().click();
    await page.page.getByRole('searchbox', { name: 'Search models' }).waitFor();

    await stage.writeModel('real.gguf', { script: plainScript, name: 'Lighthouse' });
    const [file] = await client.models.files();
    await client.models.add({ fileId: file?.fileId ?? '' });
    await page.rail('Chat').click();
    await page.page.keyboard.press(onHost.newChat.press);
    await eventually(() => page.chip.innerText()).toContain('Lighthouse');
    await page.chip.click();
    await page.page.getByRole('button', { name: /^Guide built in, knows only Leeward/ }).waitFor();
    await page.page.keyboard.press('Escape');
    await page.rail('Help').click();
    await page.button('Ask the guide').click();
    await eventually(() => page.chip.innerText()).toContain('Guide');
    // For that chat alone.
    await page.page.keyboard.press(onHost.newChat.press);
    await eventually(() => page.chip.innerText()).toContain('Lighthouse');
  });
});
