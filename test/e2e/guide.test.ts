import { join } from 'node:path';
import { describe, expect, vi } from 'vitest';
import topicsFile from '../../resources/guide/topics.json' with { type: 'json' };
import { plainScript } from '../support/gguf/scripted-model.ts';
import { eventually, test } from './fixture.ts';
import { onHost } from './host.ts';

// The shipped one: what it says to many more prompts is evaluated by `npm run guide:evaluate`.
const guide = join(import.meta.dirname, '../../resources/guide/leeward-guide.gguf');

/** As the chat shows it: what an answer links to is a button below it. */
const withoutLinks = (text: string) => text.replaceAll(/\s*\[[^\]]*\]\([^)]*\)/gu, '');
function answerOf(id: string, followUp?: number): string {
  const topic = topicsFile.topics.find((candidate) => candidate.id === id);
  const { answer } = (followUp === undefined ? topic : topic?.followUps?.[followUp]) ?? {};
  if (answer === undefined) throw new Error(`no answer ${id}`);
  return withoutLinks(answer);
}

describe('the guide', () => {
  test('answers before anything is downloaded, leads on, and steps back for a real model', async ({
    stage,
  }) => {
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
    const ways = ['no-model', 'find-models', 'download-model'].map((id) => answerOf(id));
    const said = await page.lastAnswer.innerText();
    expect(ways.filter((way) => said.includes(way))).toHaveLength(1);
    // What it speaks of is one press away, and no mark of a link is left in the text.
    expect(await page.lastAnswer.innerText()).not.toContain('leeward:');
    const places = page.lastAnswer.getByRole('group', { name: 'Places in the app' });
    await places.getByRole('button').first().click();
    await page.page.getByRole('searchbox', { name: 'Search models' }).waitFor();

    // As people type: in small letters, a second question about the first, and something else.
    await page.rail('Chat').click();
    const typed: [string, string][] = [
      ['where do deleted chats go', answerOf('trash')],
      ['and how do i undo that?', answerOf('trash', 0)],
      ['write me a poem about autumn', withoutLinks(topicsFile.refusals.answers[0] ?? '')],
    ];
    for (const [index, [question, answer]] of typed.entries()) {
      await page.ask(question);
      await page.answered(index + 2);
      expect(await page.lastAnswer.innerText()).toContain(answer);
    }

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
