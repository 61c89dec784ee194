import type { Model, Provenance } from '../../../src-main/contract/index.ts';
import { formatCount, formatDateTime } from '../../lib/format.ts';
import { hubTexts } from '../../texts/hub.ts';

/** The sheet as plain text, for the clipboard and a file. Figures in full, hashes whole. */
export function provenanceSheet(model: Model, provenance: Provenance): string {
  const texts = hubTexts.provenance;
  const lines: [string, string][] = [
    [texts.repository, provenance.repo],
    [texts.revision, provenance.revision],
    ...provenance.files.flatMap(({ path, sizeBytes, sha256 }): [string, string][] => [
      [texts.file, path],
      [texts.size, `${formatCount(sizeBytes)} B`],
      [texts.sha256, sha256],
    ]),
    [texts.licence, provenance.licence ?? texts.notStated],
    ...provenance.baseModels.map(({ repo }): [string, string] => [texts.base, repo]),
    [texts.location, model.location],
    [texts.downloaded, formatDateTime(provenance.downloadedAt)],
    [texts.verified, provenance.verifiedAt === null ? texts.never : formatDateTime(provenance.verifiedAt)],
  ];
  const width = Math.max(...lines.map(([label]) => label.length)) + 2;
  const body = lines.map(([label, value]) => `${`${label}:`.padEnd(width)}${value}`);
  return `${[texts.sheetTitle(model.name), '', ...body].join('\n')}\n`;
}

/** A file name that every file system takes. */
export function sheetFileName(model: Model): string {
  const name = model.fileName.replace(/\.gguf$/i, '').replace(/[^\w.-]+/g, '-');
  return hubTexts.provenance.fileName(name);
}
