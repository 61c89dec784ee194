import { readFile } from 'node:fs/promises';
import type { Locator } from 'playwright-core';
import { describe, expect } from 'vitest';
import type { AppClient, GenerationSample } from '../../src-main/contract/index.ts';
import { plainScript } from '../support/gguf/scripted-model.ts';
import type { AppPage } from './app-page.ts';
import { audit } from './accessibility.ts';
import { eventually, test } from './fixture.ts';
import { HAS_TABS } from './host.ts';

// The figures on the screen are those that the raw records give, computed here in another way.

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  return (at(Math.floor((sorted.length - 1) / 2)) + at(Math.ceil((sorted.length - 1) / 2))) / 2;
}
function rounded(value: number, digits: number): string {
  return value.toLocaleString('en-GB', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
const speedText = (speed: number) => rounded(speed, speed < 999.5 ? 1 : 0);
const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
/** As the guide writes times up to a minute. */
function seconds(ms: number): string {
  const value = ms / 1000;
  return `${rounded(value, value < 0.995 ? 2 : value < 9.95 ? 1 : 0)} s`;
}
const speeds = (records: readonly GenerationSample[]) =>
  records.flatMap(({ tokensPerSecond, generatedTokens }) =>
    tokensPerSecond !== null && generatedTokens >= 16 ? [tokensPerSecond] : [],
  );
const prefills = (records: readonly GenerationSample[]) =>
  records.flatMap(({ readTokens, prefillMs, restoreMs }) =>
    readTokens >= 64 ? [(readTokens / (prefillMs - restoreMs)) * 1000] : [],
  );

/** What a tile says: its figure and the line below. */
async function tile({ page }: AppPage, name: string): Promise<[figure: string, note: string]> {
  const term = page
    .getByRole('region', { name: 'Overview' })
    .getByRole('term')
    .filter({ hasText: new RegExp(`^${name}$`) });
  const lines = await term.locator('xpath=following-sibling::dd').allInnerTexts();
  return [(lines[0] ?? '').replace(/\s+/g, ' ').trim(), (lines[1] ?? '').trim()];
}

const cells = async (table: Locator): Promise<string[][]> =>
  Promise.all(
    (await table.getByRole('row').all())
      .slice(1)
      .map((row) => row.getByRole('rowheader').or(row.getByRole('cell')).allInnerTexts()),
  );

/** The raw records: of the file that the screen saves, or where a dialog of the host would ask for its place, direct. */
async function records(page: AppPage, client: AppClient): Promise<GenerationSample[]> {
  if (!HAS_TABS) return client.metrics.samples({ filter: { from: null } });
  const saved = page.page.waitForEvent('download');
  await page.button('Export').click();
  await page.menuItem('Answers as JSON').click();
  const file = await saved;
  expect(file.suggestedFilename()).toMatch(/^leeward-answers-\d{4}-\d{2}-\d{2}\.json$/);
  return JSON.parse(await readFile(await file.path(), 'utf8')) as GenerationSample[];
}

async function expectFigures(page: AppPage, raw: readonly GenerationSample[]): Promise<void> {
  expect(await tile(page, 'Median decode speed')).toEqual([
    `${speedText(median(speeds(raw)))}tok/s`,
    expect.stringContaining('Main'),
  ]);
  for (const [kind, name] of [
    ['follow_up', 'First token, follow-up'],
    ['warm', 'Warm'],
    ['cold', 'Cold'],
  ] as const) {
    const waits = raw.flatMap((sample) => (sample.kind === kind ? [sample.firstTokenMs ?? Number.NaN] : []));
    expect((await tile(page, name))[0].replace(/(?<=\d)s$/, ' s'), kind).toBe(seconds(median(waits)));
  }
  const reused = sum(raw.map(({ reusedTokens }) => reusedTokens));
  expect(await tile(page, 'Tokens generated')).toEqual([
    `${sum(raw.map(({ generatedTokens }) => generatedTokens))}tokens`,
    `${raw.length} answers`,
  ]);
  const share = reused / sum(raw.map(({ promptTokens }) => promptTokens));
  const savedMs = (reused / median(prefills(raw))) * 1000 - sum(raw.map(({ restoreMs }) => restoreMs));
  expect(await tile(page, 'Prompt tokens reused')).toEqual([
    `${Math.round(share * 100)}%`,
    `${seconds(Math.max(0, savedMs))} not re-read`,
  ]);
}

describe('Performance', () => {
  test('shows what the records of real answers say, and forgets them', async ({ stage }) => {
    const { app, client, model } = await stage.ready(
      { script: plainScript, name: 'Main', contextLength: 4096 },
      { load: false },
    );
    const page = await stage.open(app);
    await page.rail('Performance').waitFor();
    await page.page.keyboard.press('Control+3');
    await page.text('Speeds appear after your first chat.').waitFor();
    await page.page.getByRole('img', { name: /^Memory now: / }).waitFor();
    await page.button('Start a chat').click();

    const long = (start: string) => `${start} ${'and then some words more '.repeat(24)}`;
    await page.ask(long('First,'));
    await page.answered(1);
    await page.ask('And then?');
    await page.answered(2);
    await page.figures.click();
    expect(await page.answerDetails.innerText()).toMatch(/Kind of wait\s+follow-up, prompt reused/);
    await page.page.keyboard.press('Escape');
    // Not typed: nothing of it is read ahead.
    const send = (text: string) =>
      client.conversations.send({
        requestId: crypto.randomUUID(),
        conversationId: null,
        parentId: null,
        text,
        modelId: model.id,
      });
    await send(long('Something else,'));

    await page.rail('Performance').click();
    await eventually(async () => (await tile(page, 'Tokens generated'))[1]).toBe('3 answers');
    await page.page.getByRole('img', { name: /^Median decode speed per day\. Main: / }).waitFor();
    const raw = await records(page, client);
    expect(raw.map(({ kind }) => kind)).toEqual(['cold', 'follow_up', 'warm']);
    await expectFigures(page, raw);

    // Tables have the same.
    await page.button('Show Decode speed as table').click();
    const speedTable = page.page.getByRole('table', { name: 'Decode speed' });
    const [row, ...others] = await cells(speedTable);
    expect(others).toEqual([]);
    expect(row?.slice(1, 4)).toEqual(['Main', '3', speedText(median(speeds(raw)))]);
    await page.button('Show Tokens a day as table').click();
    const tokens = await cells(page.page.getByRole('table', { name: 'Tokens a day' }));
    const count = (of: (sample: GenerationSample) => number) => sum(raw.map(of)).toLocaleString('en-GB');
    expect(tokens.map((line) => line.slice(1))).toEqual([
      [
        '3',
        count(({ generatedTokens }) => generatedTokens),
        count(({ readTokens }) => readTokens),
        count(({ reusedTokens }) => reusedTokens),
      ],
    ]);

    // Another answer is counted while the screen is open; filters leave out what they say.
    await send(long('From elsewhere,'));
    await eventually(async () => (await tile(page, 'Tokens generated'))[1]).toBe('4 answers');
    await expectFigures(page, await client.metrics.samples({ filter: { from: null } }));
    await page.button('Filters').click();
    const filters = page.dialog('Show only answers with');
    await filters.getByLabel('Context size').selectOption({ label: '4,096' });
    await page.page.keyboard.press('Escape');
    await page.button('Filters, 1').waitFor();
    await page.choose('Period', 'Today');
    await eventually(async () => (await tile(page, 'Tokens generated'))[1]).toBe('4 answers');

    await page.button('Export').click();
    await page.menuItem('Delete all figures').click();
    await page.dialog('Delete all figures?').getByRole('button', { name: 'Delete figures' }).click();
    await page.text('Speeds appear after your first chat.').waitFor();
    expect(await client.metrics.samples({ filter: { from: null } })).toEqual([]);
    expect(await client.conversations.list()).toHaveLength(3);
  });

  test('runs a benchmark twice, compares the runs, and takes them from a file again', async ({ stage }) => {
    const { app, client } = await stage.ready(
      { script: plainScript, name: 'Main', contextLength: 4096 },
      { load: false },
    );
    const page = await stage.open(app);
    await page.rail('Performance').waitFor();
    await page.page.keyboard.press('Control+3');
    const runs = page.page.getByRole('table', { name: 'Benchmark runs' });
    const run = async (name: string) => {
      await page.button('Run benchmark').click();
      const dialog = page.dialog('Run benchmark');
      await dialog.getByLabel('Name').fill(name);
      await dialog.getByLabel('128', { exact: true }).check();
      await dialog.getByLabel('512', { exact: true }).uncheck();
      await dialog.getByLabel('2,048', { exact: true }).uncheck();
      await dialog.getByLabel('Context').selectOption({ label: '1,024 tokens' });
      await dialog.getByLabel('Answer, tokens').fill('16');
      await dialog.getByLabel('Repeats').fill('2');
      await dialog.getByLabel('Repeats').press('Tab');
      if (name === 'Before' && HAS_TABS) {
        await audit(page, 'benchmark dialog');
        await page.page.setViewportSize({ width: 1440, height: 900 });
      }
      await dialog.getByRole('button', { name: 'Start' }).click();
      await runs.getByRole('row', { name: new RegExp(`^.*${name}`) }).waitFor();
      await page.button('Run benchmark').and(page.page.locator(':enabled')).waitFor();
    };
    await run('Before');
    await run('After');
    const { rows } = await client.lab.list();
    const decode = rows[0]?.lines.find(({ quantity }) => quantity === 'decode')?.cells[0]?.figure;
    const after = runs.getByRole('row', { name: /After/ });
    expect(await after.innerText()).toContain(speedText(decode?.median ?? Number.NaN));
    expect(await after.innerText()).toContain('too few to compare');
    await after.getByRole('button', { name: 'Compare After, Main' }).click();
    const compared = page.dialog('Compare 2 runs');
    await compared.getByRole('row', { name: /^Decode, 128 tokens/ }).waitFor();
    expect(await compared.getByRole('columnheader').allInnerTexts()).toEqual([
      'Figure',
      expect.stringMatching(/^Before/),
      expect.stringMatching(/^After/),
    ]);
    await compared.getByRole('button', { name: 'Close' }).click();

    const { text } = await client.lab.exportFile({ ids: rows.map(({ run: { id } }) => id) });
    await page.button('More for After, Main').click();
    await page.menuItem('Delete').click();
    await after.waitFor({ state: 'detached' });
    await page.page
      .getByLabel('Import runs')
      .and(page.page.locator('input'))
      .setInputFiles({ name: 'runs.json', mimeType: 'application/json', buffer: Buffer.from(text) });
    await page.text('1 run imported').waitFor();
    await page.text('1 run is in the list already.').waitFor();
    await after.waitFor();
  });
});
