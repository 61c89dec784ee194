import { describe, expect } from 'vitest';
import { docx, pdf, tablePdf } from '../support/documents.ts';
import { plainScript } from '../support/gguf/scripted-model.ts';
import { audit } from './accessibility.ts';
import { eventually, newestAnswer, test } from './fixture.ts';
import { HAS_TABS } from './host.ts';

const HTML = `<!doctype html><title>Not shown</title><style>p { color: red }</style>
<h1>Harbour</h1><p style="color: red">Open <b>all</b> day</p><p hidden>Hidden</p><script>document.title = 'ran'; fetch('/ran')</script>`;

/** Letters by their UCS-2 codes, and by those of Shift JIS. */
const CHINESE = tablePdf({ table: 'UniGB-UCS2-H', collection: 'GB1', hex: '6e2f53e34eca5929517395ed' });
const JAPANESE = tablePdf({ table: '90ms-RKSJ-H', collection: 'Japan1', hex: '969e92aa82cd8f5c985a8e9e' });

const SENT = `File: tides.txt
\`\`\`
Low 10:52
High 16:58
\`\`\`

File: tables.pdf
\`\`\`
[page 1]
Brest tides
[page 2]
Second page
\`\`\`

File: chinese.pdf
\`\`\`
[page 1]
港口今天关闭
\`\`\`

File: japanese.pdf
\`\`\`
[page 1]
満潮は十六時
\`\`\`

File: letter.docx
\`\`\`
Dear harbour

Please call
\`\`\`

File: page.html
\`\`\`
Harbour
Open all day
\`\`\`

When?`;

const TOPICS = [
  'weather',
  'lock',
  'fuel',
  'moorings',
  'tides',
  'dogs',
  'crane',
  'power',
  'bridge',
  'ferry',
  'pilots',
  'past',
];
/** Twelve pages, of which the second and the fifth answer the question. */
const HANDBOOK = TOPICS.map((topic, index) => {
  const lines = Array.from(
    { length: 6 },
    (_, line) => `About ${topic}, rule ${index * 6 + line}: ask at the office.`,
  );
  if (topic === 'lock') lines.push('The keeper opens at six.');
  if (topic === 'tides') lines.push('High water at Brest: 16:58.');
  return lines.join('\n');
});
const QUESTION = 'When is high water at Brest, and when does the keeper open?';
const IN_PARTS = `File: handbook.pdf, only these parts of it: pages 2, 5 of 12
\`\`\`
[page 2]
${HANDBOOK[1]}
[...]
[page 5]
${HANDBOOK[4]}
\`\`\`

${QUESTION}`;
const isFocused = (element: Element) => element === element.ownerDocument.activeElement;
const isInView = (element: Element) => {
  const region = element.closest('[data-file-text]')?.getBoundingClientRect();
  const { top } = element.getBoundingClientRect();
  return region !== undefined && top >= region.top && top < region.bottom;
};

// Audits on one host: axe reads the same bundle in the same Chromium on the others.
describe('files with a message', () => {
  test('are read in the page, counted before they are sent, and stay with their message', async ({
    stage,
  }) => {
    const { app, client } = await stage.share({ script: plainScript, contextLength: 2048 });
    await client.settings.update({ defaultSystemPrompt: '' });
    const page = await stage.open(app);
    await page.ask('Hello');
    await page.answered(1);
    const composer = page.page.getByRole('group', { name: 'Write', exact: true });
    const input = page.page.locator('[data-attach]');
    const give = (name: string, body: string | Buffer, mimeType = '') =>
      input.setInputFiles({ name, mimeType, buffer: Buffer.from(body) });
    const chips = composer.getByRole('list', { name: 'Attached files' }).getByRole('listitem');
    await page.button('Attach files').waitFor();

    await give('tides.txt', '\ufeffLow 10:52\r\nHigh 16:58\r\n');
    await give('tables.pdf', pdf(['Brest tides', 'Second page']));
    await eventually(() => chips.count()).toBe(2);
    await give('chinese.pdf', CHINESE);
    await give('japanese.pdf', JAPANESE);
    await eventually(() => chips.count()).toBe(4);
    await give('letter.docx', docx(['Dear harbour', 'Please call']));
    await eventually(() => chips.count()).toBe(5);
    await give('page.html', HTML);
    await eventually(() => chips.count()).toBe(6);
    expect(await page.page.title()).not.toBe('ran');

    // What is no text is told, and nothing of it is taken.
    await give('photo.png', Buffer.from([0x89, 0x50, 0x4e, 0x47]), 'image/png');
    await composer
      .getByText('Leeward reads text. Images are not read by this engine yet', { exact: true })
      .waitFor();
    await give('broken.pdf', 'no pdf');
    await composer
      .getByText('broken.pdf cannot be read: it is damaged, or locked with a password.')
      .waitFor();
    await give('program.bin', Buffer.from([0, 1, 2, 3]));
    await composer.getByText('program.bin is not a text file.').waitFor();
    expect(await chips.count()).toBe(6);

    // Pasted and dropped files are taken as well; one is taken off again.
    await page.composer.evaluate((field) => {
      const data = new DataTransfer();
      data.items.add(new File(['pasted words'], 'pasted.txt', { type: 'text/plain' }));
      field.dispatchEvent(
        new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }),
      );
    });
    await eventually(() => chips.count()).toBe(7);
    await composer.getByRole('button', { name: 'Remove pasted.txt' }).click();
    await page.log.evaluate((log) => {
      const data = new DataTransfer();
      data.items.add(new File(['dropped words'], 'dropped.md'));
      log.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    });
    await composer.getByRole('button', { name: 'Remove dropped.md' }).click();
    await eventually(() => chips.count()).toBe(6);

    await page.composer.fill('When?');
    await eventually(() => chips.filter({ hasText: /\d+ tokens/ }).count()).toBe(6);
    if (HAS_TABS) await audit(page, 'composer with files');
    await page.page.keyboard.press('Control+i');
    const inspector = page.page.getByRole('complementary', { name: 'Inspector' });
    await inspector.getByText('tables.pdf').waitFor();
    await inspector.getByRole('button', { name: 'What is sent' }).click();
    const sent = page.page.locator('[data-sent] pre').last();
    await eventually(() => sent.innerText()).toBe(SENT);
    await page.page.keyboard.press('Escape');

    await page.button('Send').click();
    await page.answered(2);
    expect(await chips.count()).toBe(0);
    const { conversation, answer } = await newestAnswer(client);
    const question = conversation.messages.find(({ id }) => id === answer.parentId);
    expect(question?.attachments.map(({ name, pages }) => [name, pages])).toEqual([
      ['tides.txt', null],
      ['tables.pdf', 2],
      ['chinese.pdf', 1],
      ['japanese.pdf', 1],
      ['letter.docx', null],
      ['page.html', null],
    ]);
    expect(await client.context.sent({ id: conversation.id, draft: '' })).toContainEqual({
      role: 'user',
      text: SENT,
    });
    await page.questions.last().getByRole('button', { name: 'Show the text of tables.pdf' }).click();
    const dialog = page.page.getByRole('dialog', { name: 'tables.pdf' });
    await dialog.getByText('Page 2').waitFor();
    await dialog.getByText('Second page').waitFor();
    if (HAS_TABS) await audit(page, 'text of a file', 'wide');
    await dialog.getByRole('button', { name: 'Done' }).click();
  });

  test('that do not fit go in parts: those that match the question, or chosen by hand', async ({ stage }) => {
    const { app, client } = await stage.share({ script: plainScript, contextLength: 2048 });
    await client.settings.update({ defaultSystemPrompt: '' });
    const page = await stage.open(app);
    const composer = page.page.getByRole('group', { name: 'Write', exact: true });
    const give = (name: string, buffer: Buffer) =>
      page.page.locator('[data-attach]').setInputFiles({ name, mimeType: '', buffer });
    const look = async (name: string, size: 'wide' | 'narrow') => {
      if (HAS_TABS) await audit(page, name, size);
    };
    await page.button('Attach files').waitFor();
    await give('handbook.pdf', pdf(HANDBOOK));
    const chip = composer.getByRole('button', { name: /^Choose parts of handbook.pdf/ });
    await chip.waitFor();
    await page.composer.fill(QUESTION);
    await page.button('Send').click();

    const dialog = page.page.getByRole('dialog', { name: 'Parts of handbook.pdf' });
    const hits = dialog.getByRole('list', { name: 'Parts that match, best first' }).getByRole('checkbox');
    const chosen = dialog.getByText('Parts: pages 2, 5', { exact: true });
    const use = dialog.getByRole('button', { name: 'Use these parts' });
    await chosen.waitFor();
    await dialog.getByText(/^The whole file has [\d,]+ tokens, and [\d,]+ are free\.$/u).waitFor();
    expect(await hits.first().isChecked()).toBe(true);
    await dialog.getByText(/^[\d,]+ of [\d,]+ free tokens$/u).waitFor();
    await look('parts that match', 'wide');

    // Other words find other parts; what was chosen stays.
    const question = dialog.getByLabel('Look for');
    await question.fill('zebra');
    await dialog.getByText('No part matches these words.', { exact: false }).waitFor();
    await question.fill('?!');
    await dialog.getByText('Write what the parts should be about.').waitFor();
    await question.fill('crane');
    await dialog.getByRole('button', { name: 'Show in the text: Page 7' }).click();
    await chosen.waitFor();

    // By hand, beside the text.
    const text = dialog.getByRole('list', { name: 'Text of the file, in parts' });
    await eventually(() => text.getByRole('checkbox', { name: 'Page 7' }).evaluate(isFocused)).toBe(true);
    expect(await text.getByRole('checkbox', { name: 'Page 5' }).isChecked()).toBe(true);
    const pages = dialog.getByRole('textbox', { name: 'Pages' });
    await pages.fill('seven');
    await dialog.getByText('Use numbers and ranges, such as 3, 7-9.').waitFor();
    await pages.fill('13');
    await dialog.getByText('Use numbers from 1 to 12.').waitFor();
    await chosen.waitFor();
    await pages.fill('1-12');
    await dialog.getByText('More than fits: the message could not be sent so.').waitFor();
    expect(await use.getAttribute('aria-disabled')).toBe('true');
    await pages.fill('5, 2');
    await eventually(() => use.getAttribute('aria-disabled')).not.toBe('true');
    await text.getByRole('checkbox', { name: 'Page 2' }).uncheck();
    await dialog.getByText('Parts: page 5', { exact: true }).waitFor();
    await text.getByRole('checkbox', { name: 'Page 2' }).check();
    await chosen.waitFor();
    await look('parts by hand', 'narrow');
    await use.click();
    await dialog.waitFor({ state: 'hidden' });

    // What is told is what is sent.
    await eventually(() => chip.innerText()).toContain('Parts: pages 2, 5');
    await page.page.keyboard.press('Control+i');
    const inspector = page.page.getByRole('complementary', { name: 'Inspector' });
    await inspector.getByText('Parts: pages 2, 5').waitFor();
    await inspector.getByRole('button', { name: 'What is sent' }).click();
    await eventually(() => page.page.locator('[data-sent] pre').last().innerText()).toBe(IN_PARTS);
    await page.page.keyboard.press('Escape');
    await page.button('Send').click();
    await page.answered(1);
    const { conversation } = await newestAnswer(client);
    const userTexts = (await client.context.sent({ id: conversation.id, draft: 'And later?' })).flatMap(
      ({ role, text: sent }) => (role === 'user' ? [sent] : []),
    );
    expect(userTexts).toEqual([IN_PARTS, 'And later?']);

    // The document opens at the parts that went, and goes with the next message in other parts.
    await page.questions
      .last()
      .getByRole('button', { name: 'Show the text of handbook.pdf. Parts: pages 2, 5' })
      .click();
    const document = page.page.getByRole('dialog', { name: 'handbook.pdf', exact: true });
    await document.locator('mark').first().waitFor();
    expect(await document.locator('mark').allInnerTexts()).toEqual(
      [HANDBOOK[1], HANDBOOK[4]].map((part) => `${part}\n`),
    );
    await document.getByRole('button', { name: 'Page 5' }).click();
    await eventually(() => document.locator('mark').last().evaluate(isInView)).toBe(true);
    await look('text of a file with its parts', 'wide');
    await document.getByRole('button', { name: 'Other parts with the next message' }).click();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await composer.getByRole('button', { name: 'Remove handbook.pdf' }).click();

    // Far too long to be counted.
    await give('log.txt', Buffer.from('A line of the log of the harbour.\n'.repeat(2_000)));
    await composer.getByRole('button', { name: /^Choose parts of log.txt/ }).waitFor();
    await page.composer.fill('What happened?');
    await page.button('Send').click();
    const long = page.page.getByRole('dialog', { name: 'Parts of log.txt' });
    await long
      .getByText(/^The whole file is far longer than the context: [\d,]+ tokens are free\.$/u)
      .waitFor();
    await long.getByText('A part chosen by hand').click();
    await long.getByRole('textbox', { name: 'Lines' }).fill('7-8');
    await long.getByText('Parts: lines 7-8', { exact: true }).waitFor();
    await long.getByRole('button', { name: 'Cancel' }).click();
    await page.card('This message is too long for the context').waitFor();
    await page.button('Choose parts').click();
    await long.waitFor();
  });
});
