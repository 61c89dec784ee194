import { describe, expect } from 'vitest';
import { audit } from './accessibility.ts';
import { eventually, test } from './fixture.ts';
import { HOST } from './host.ts';

describe('Help', () => {
  test('opens at the screen, is searched, leads to places and back', async ({ stage }) => {
    const app = await stage.start();
    const client = await stage.connect(app);
    await client.settings.update({ firstRunDone: true });
    const page = await stage.open(app);
    const article = (name: string) => page.page.getByRole('article', { name });
    const search = page.page.getByRole('searchbox', { name: 'Search Help' });
    await page.composer.waitFor();

    await page.page.keyboard.press('F1');
    await page.page.getByRole('heading', { name: 'Help', level: 1 }).waitFor();
    await article('Sending a message').waitFor();
    // Where F1 leads, a screen reader goes on reading.
    await eventually(() => page.hasFocus(page.page.getByRole('heading', { name: 'Sending a message' }))).toBe(
      true,
    );
    // axe reads the same page on every host.
    if (HOST === 'browser') await audit(page, 'Help with a topic');

    await search.fill('dark mode');
    await page.button('Light and dark').click();
    await article('Light and dark').waitFor();
    await page.button('Open Appearance').click();
    await page.settingsPage('Appearance').waitFor();
    await page.page.keyboard.press('F1');
    await article('Light and dark').waitFor();
    await page.page.goBack();
    await page.settingsPage('Appearance').waitFor();

    // The links of both texts of a topic are buttons, and no words between them.
    await page.page.keyboard.press('F1');
    await search.fill('first steps');
    await page.button('First steps').click();
    await article('First steps').getByRole('button', { name: 'Find models' }).waitFor();
    expect(
      await article('First steps').getByText('Then write a message and press Send. Find models').count(),
    ).toBe(0);
    expect(await article('First steps').getByText('[').count()).toBe(0);

    // Where the list takes the place of the topic, it has the focus where it was left.
    await page.page.setViewportSize({ width: 640, height: 640 });
    await page.button('All topics').click();
    await eventually(() => page.hasFocus(page.button('First steps'))).toBe(true);
    await page.page.setViewportSize({ width: 1440, height: 900 });
    await page.rail('Chat').click();
    await page.composer.waitFor();

    // With keys alone: the palette, then the list.
    await page.page.keyboard.press('Control+k');
    await page.page.keyboard.type('Help for this screen');
    await page.page.keyboard.press('Enter');
    await search.waitFor();
    await search.fill('no such thing as zzzz');
    await page.text('Nothing found').waitFor();
    await search.fill('the download stopped');
    const first = page.page.getByRole('navigation', { name: 'Help topics' }).getByRole('button').first();
    await eventually(() => first.innerText()).toBe('A download stopped');
    await page.tabTo(first);
    await page.page.keyboard.press('Enter');
    await article('A download stopped').waitFor();
    // No guide is in this app: nothing offers it.
    expect(await page.button('Ask the guide').count()).toBe(0);
  });
});
