import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect } from 'vitest';
import { plainScript } from '../support/gguf/scripted-model.ts';
import { audit, AUDITS_TIMEOUT_MS, expectNoSidewaysScroll } from './accessibility.ts';
import { eventually, test } from './fixture.ts';

const LONG_CODE = Array.from({ length: 60 }, (_, index) => `line_${index + 1} = ${index + 1}`).join('\n');

/** Everything that is drawn rather than written, and what tries to get out of it. */
const RICH = [
  'Euler wrote $e^{i\\pi}+1=0$, and a coffee costs $5 or $10.',
  '\\[\n\\sum_{n=1}^{\\infty} \\frac{1}{n^2}\n= \\frac{\\pi^2}{6}\n\\]',
  'A broken one: $\\frac{1}{$.',
  '```mermaid\nflowchart LR\n  A[Low water] --> B{Enough?}\n  B -->|yes| C[Cross]\n```',
  '```mermaid\nthis is no diagram\n```',
  `\`\`\`python\n${LONG_CODE}\n\`\`\``,
  'שלום, הגובה הוא 4.2 מטר ב־Brest.\n\n- مرحبا 12\n- שורה שנייה\n\n| שם | Height |\n|---|---|\n| ברסט | 6.6 m |',
].join('\n\n');

/** @param foreign address of somebody who would like to be told */
const hostile = (foreign: string) =>
  [
    `\`\`\`mermaid\n%%{init: {"themeCSS": "*{background:url(${foreign}/a)}"}}%%\nflowchart LR\n  A --> B\n\`\`\``,
    `\`\`\`mermaid\n%%{init: {"securityLevel": "loose", "theme": "base"}}%%\nflowchart LR\n  A["<img src=${foreign}/x onerror=parent.__leewardInjected=1>"] --> B["<script>parent.__leewardInjected=1</script>"]\n  click A "javascript:parent.__leewardInjected=1"\n  click B href "${foreign}/" "tip" _top\n\`\`\``,
    `$\\href{javascript:window.__leewardInjected=1}{x}$ and $\\includegraphics{${foreign}/y.png}$`,
    '$\\def\\a{\\a\\a}\\a$ then words at the end.',
  ].join('\n\n');

describe('an answer', () => {
  test(
    'shows formulas, diagrams, long code and right-to-left text',
    { timeout: AUDITS_TIMEOUT_MS },
    async ({ stage }) => {
      const { app } = await stage.ready({ script: RICH });
      const page = await stage.open(app);
      await page.ask('Show me');
      await page.answered(1);
      const answer = page.lastAnswer;

      await eventually(() => answer.locator('math').count()).toBe(2);
      expect(await answer.innerText()).toContain('a coffee costs $5 or $10.');
      expect(await answer.innerText()).toContain('$\\frac{1}{$');
      await eventually(() =>
        page.page.evaluate(() => document.fonts.check('16px KaTeX_Main') && document.fonts.size > 0),
      ).toBe(true);

      const frame = answer.frameLocator('iframe[title="Diagram"]');
      await answer.getByText('This diagram could not be drawn').waitFor();
      await frame.getByText('Low water').first().waitFor();
      expect(await answer.locator('iframe').count()).toBe(1);
      await answer.getByRole('radio', { name: 'Source' }).check({ force: true });
      await answer.getByText('flowchart LR').waitFor();
      await answer.getByRole('radio', { name: 'Diagram' }).check({ force: true });
      await frame.getByText('Low water').first().waitFor();

      await answer.getByRole('button', { name: 'Show all 60 lines' }).click();
      await answer.getByRole('button', { name: 'Show fewer lines' }).click();
      await answer.getByRole('button', { name: 'Show all 60 lines' }).waitFor();

      const direction = (text: string) =>
        answer
          .getByText(text)
          .first()
          .evaluate((element) => getComputedStyle(element).direction);
      expect(await direction('הגובה הוא')).toBe('rtl');
      expect(await direction('مرحبا')).toBe('rtl');
      expect(await direction('line_1 = 1')).toBe('ltr');
      expect(await answer.getByRole('table').evaluate((table) => getComputedStyle(table).direction)).toBe(
        'rtl',
      );

      await audit(page, 'an answer with formulas and diagrams', 'wide');
      await page.page.setViewportSize({ width: 900, height: 700 });
      await expectNoSidewaysScroll(page, 'an answer with formulas and diagrams');
    },
  );

  test('lets a hostile diagram or formula do nothing', async ({ stage }) => {
    const told: string[] = [];
    const stranger = createServer((request, response) => {
      told.push(request.url ?? '');
      response.end();
    });
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    stage.onEnd(() => stranger.close());
    const foreign = `http://127.0.0.1:${String((stranger.address() as AddressInfo).port)}`;
    const { app } = await stage.share({ script: hostile(foreign) });
    const page = await stage.open(app);
    await page.ask('Go on');
    await page.answered(1);
    const diagram = page.lastAnswer.locator('iframe[title="Diagram"]');
    const failed = page.lastAnswer.getByText('This diagram could not be drawn');
    // One that would load something is not drawn at all.
    await failed.waitFor();
    await diagram.contentFrame().locator('svg').first().waitFor();
    await page.lastAnswer.getByText('words at the end').waitFor();
    for (const link of await diagram.contentFrame().locator('a').all()) await link.click({ force: true });
    expect(
      await diagram
        .contentFrame()
        .locator('body')
        .evaluate(() => window.origin),
    ).toBe('null');
    expect(await page.lastAnswer.locator('a[href]').count()).toBe(0);
    expect(await page.page.evaluate(() => '__leewardInjected' in window)).toBe(false);
    expect(page.page.context().pages()).toHaveLength(1);
    expect(await page.composer.isVisible()).toBe(true);
    expect(told).toEqual([]);
  });
});

describe('a long chat', () => {
  test(
    'is found through, jumped about in and read from end to end',
    { timeout: AUDITS_TIMEOUT_MS },
    async ({ stage }) => {
      const { app, client, model } = await stage.ready({ script: plainScript, contextLength: 16_384 });
      let conversationId: string | null = null;
      for (let index = 1; index <= 40; index += 1) {
        const sent = await client.conversations.send({
          requestId: randomUUID(),
          conversationId,
          parentId: null,
          text: index === 3 ? 'Where is the needle?' : `Question number ${String(index)}`,
          modelId: conversationId === null ? model.id : null,
        });
        conversationId = sent.conversationId;
        const id = conversationId;
        await eventually(async () => {
          const { messages } = await client.conversations.get({ id });
          return messages.filter(({ status }) => status === 'complete').length;
        }).toBe(index * 2);
      }
      const page = await stage.open(app);
      await page.chat('Question number 1').click();
      await page.log.getByText('Question number 40').waitFor();
      expect(await page.log.getByRole('article').count()).toBeLessThanOrEqual(48);

      await page.page.keyboard.press('Control+f');
      const find = page.page.getByRole('search', { name: 'Find in this chat' });
      const field = find.getByRole('searchbox');
      await field.fill('the NEEDLE');
      await find.getByText('1 of 1').waitFor();
      const needle = page.log.getByText('Where is the needle?');
      await needle.waitFor();
      await eventually(() => needle.evaluate((element) => element.getBoundingClientRect().top > 0)).toBe(
        true,
      );
      expect(await page.page.evaluate(() => CSS.highlights.get('find-current')?.size)).toBe(1);
      await page.jumpToNewest.waitFor();

      await field.fill('question number');
      await find.getByText(/^\d+ of 39$/).waitFor();
      await field.press('Enter');
      await page.page.keyboard.press('F3');
      await field.press('Shift+Enter');
      await find.getByText(/^\d+ of 39$/).waitFor();
      await field.fill('nowhere to be seen');
      await find.getByText('Nothing found').waitFor();
      await audit(page, 'find in chat', 'wide');
      await field.press('Escape');
      await find.waitFor({ state: 'hidden' });
      expect(await page.page.evaluate(() => CSS.highlights.size)).toBe(0);

      await page.jumpToNewest.click();
      await page.log.getByText('Question number 40').waitFor();
      // The scroll bar is that of the whole chat: its middle shows the middle.
      const inSight = () =>
        page.log.evaluate((log) => {
          const { top, bottom } = log.getBoundingClientRect();
          const rows = [...log.querySelectorAll('article')].filter((row) => {
            const place = row.getBoundingClientRect();
            return place.bottom > top && place.top < bottom;
          });
          const numbers = /Question number (\d+)/.exec(rows.map(({ textContent }) => textContent).join(' '));
          return Number(numbers?.[1] ?? 0);
        });
      await page.log.evaluate((log) => log.scrollTo(0, log.scrollHeight / 2));
      await eventually(async () => Math.abs((await inSight()) - 20)).toBeLessThan(8);
      await page.jumpToNewest.click();
      await page.log.getByText('Question number 40').waitFor();
      // Up to the first and down to the last, never with all of it in the page at once.
      const scroll = (to: 'start' | 'end') =>
        page.log.evaluate((log, place) => log.scrollTo(0, place === 'start' ? 0 : log.scrollHeight), to);
      const first = page.log.getByText('Question number 1', { exact: true });
      await eventually(async () => (await scroll('start'), first.count())).toBe(1);
      const last = page.log.getByText('Question number 40', { exact: true });
      await eventually(async () => (await scroll('end'), last.count())).toBe(1);
      expect(await page.log.getByRole('article').count()).toBeLessThanOrEqual(96);
    },
  );
});
