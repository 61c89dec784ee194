import { strToU8, zipSync } from 'fflate';
import { describe, expect } from 'vitest';
import { plainScript } from '../support/gguf/scripted-model.ts';
import { audit } from './accessibility.ts';
import { eventually, newestAnswer, test } from './fixture.ts';

/** A PDF of two pages, each with one line, written by hand. */
function pdf(lines: readonly string[]): Buffer {
  const kids = lines.map((_, index) => `${4 + 2 * index} 0 R`).join(' ');
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Count ${lines.length} /Kids [${kids}] >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
    ...lines.flatMap((line, index) => {
      const drawing = `BT /F1 18 Tf 72 700 Td (${line}) Tj ET`;
      return [
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents ${5 + 2 * index} 0 R /Resources << /Font << /F1 3 0 R >> >> >>`,
        `<< /Length ${drawing.length} >>\nstream\n${drawing}\nendstream`,
      ];
    }),
  ];
  let text = '%PDF-1.4\n';
  const places = objects.map((body, index) => {
    const place = text.length;
    text += `${index + 1} 0 obj\n${body}\nendobj\n`;
    return place;
  });
  const start = text.length;
  const rows = places.map((place) => `${String(place).padStart(10, '0')} 00000 n \n`).join('');
  text += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}`;
  text += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`;
  return Buffer.from(text, 'latin1');
}

function docx(paragraphs: readonly string[]): Buffer {
  const body = paragraphs.map((text) => `<w:p><w:r><w:t>${text}</w:t></w:r></w:p>`).join('');
  const main = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml';
  const relation = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument';
  return Buffer.from(
    zipSync({
      '[Content_Types].xml': strToU8(
        `<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="${main}"/></Types>`,
      ),
      '_rels/.rels': strToU8(
        `<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="${relation}" Target="word/document.xml"/></Relationships>`,
      ),
      'word/document.xml': strToU8(
        `<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>${body}</w:body></w:document>`,
      ),
    }),
  );
}

const HTML = `<!doctype html><title>Not shown</title><style>p { color: red }</style>
<h1>Harbour</h1><p style="color: red">Open <b>all</b> day</p><p hidden>Hidden</p><script>document.title = 'ran'; fetch('/ran')</script>`;

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

describe('files with a message', () => {
  test('are read in the page, counted before they are sent, and stay with their message', async ({
    stage,
  }) => {
    const { app, client } = await stage.ready({ script: plainScript, contextLength: 2048 });
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
    await give('letter.docx', docx(['Dear harbour', 'Please call']));
    await eventually(() => chips.count()).toBe(3);
    await give('page.html', HTML);
    await eventually(() => chips.count()).toBe(4);
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
    expect(await chips.count()).toBe(4);

    // Pasted and dropped files are taken as well; one is taken off again.
    await page.composer.evaluate((field) => {
      const data = new DataTransfer();
      data.items.add(new File(['pasted words'], 'pasted.txt', { type: 'text/plain' }));
      field.dispatchEvent(
        new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }),
      );
    });
    await eventually(() => chips.count()).toBe(5);
    await composer.getByRole('button', { name: 'Remove pasted.txt' }).click();
    await page.log.evaluate((log) => {
      const data = new DataTransfer();
      data.items.add(new File(['dropped words'], 'dropped.md'));
      log.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    });
    await composer.getByRole('button', { name: 'Remove dropped.md' }).click();
    await eventually(() => chips.count()).toBe(4);

    await page.composer.fill('When?');
    await eventually(() => chips.filter({ hasText: /\d+ tokens/ }).count()).toBe(4);
    await audit(page, 'composer with files');
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
    await audit(page, 'text of a file');
    await dialog.getByRole('button', { name: 'Done' }).click();
  });
});
