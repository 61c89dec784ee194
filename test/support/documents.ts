import { strToU8, zipSync } from 'fflate';

// Documents for tests, written by hand: no library that the app reads them with has made them.

/** A file of PDF objects, numbered from 1; the first is its catalogue. */
function pdfOf(objects: readonly string[]): Buffer {
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

/** @param drawings what each page shows, with the font F1 @param fonts the font, object 3, and what it needs */
function pdfWith(drawings: readonly string[], fonts: readonly string[]): Buffer {
  const first = 3 + fonts.length;
  const kids = drawings.map((_, index) => `${first + 2 * index} 0 R`).join(' ');
  return pdfOf([
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Count ${drawings.length} /Kids [${kids}] >>`,
    ...fonts,
    ...drawings.flatMap((drawing, index) => [
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents ${first + 1 + 2 * index} 0 R /Resources << /Font << /F1 3 0 R >> >> >>`,
      `<< /Length ${drawing.length} >>\nstream\n${drawing}\nendstream`,
    ]),
  ]);
}

/** A PDF; each page is a text of ASCII lines without brackets. */
export function pdf(pages: readonly string[]): Buffer {
  const drawings = pages.map((page) => {
    const lines = page.split('\n').map((line) => `(${line}) Tj`);
    return `BT /F1 10 Tf 12 TL 72 760 Td ${lines.join(' T* ')} ET`;
  });
  return pdfWith(drawings, ['<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>']);
}

/**
 * A PDF of one line whose letters are named by a table that every reader is to have, and no font in the file.
 * @param hex the line's codes
 */
export function tablePdf({
  table,
  collection,
  hex,
}: {
  table: string;
  collection: string;
  hex: string;
}): Buffer {
  const info = `<< /Registry (Adobe) /Ordering (${collection}) /Supplement 2 >>`;
  return pdfWith(
    [`BT /F1 18 Tf 72 700 Td <${hex}> Tj ET`],
    [
      `<< /Type /Font /Subtype /Type0 /BaseFont /Song /Encoding /${table} /DescendantFonts [4 0 R] >>`,
      `<< /Type /Font /Subtype /CIDFontType0 /BaseFont /Song /CIDSystemInfo ${info} /FontDescriptor 5 0 R >>`,
      '<< /Type /FontDescriptor /FontName /Song /Flags 4 /FontBBox [0 0 1000 1000] /ItalicAngle 0 /Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 >>',
    ],
  );
}

export function docx(paragraphs: readonly string[]): Buffer {
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
