import type { CatalogueEntry, HubModelSummary } from '../../../src-main/contract/index.ts';
import { formatDay, formatParameters, formatTokensCompact } from '../../lib/format.ts';
import { hubTexts as texts } from '../../texts/hub.ts';
import { roughSize } from './rough-fit.ts';

/** A suggestion or a found model in the table. */
export interface HubRowItem {
  /** What opens its page. */
  readonly address: string;
  readonly repo: string;
  readonly name: string;
  readonly line: string;
  /** Set when one file is meant: a press on Download takes that. */
  readonly quant: string | null;
  readonly sizeBytes: number | null;
  readonly licence: string | null;
  readonly isGated: boolean;
}

/** A repository's name as a person says it: without the owner and the format, words apart. */
export function nameOfRepo(repo: string): string {
  const name = repo.replace(/^.*\//, '').replace(/[-_.](?:i1[-_.])?gguf$/i, '');
  return name.replace(/[-_]+/g, ' ').trim() || repo;
}

/** Address of a suggestion: its page, with the quant it means. */
export function addressOf({ repo, quant }: Pick<CatalogueEntry, 'repo' | 'quant'>): string {
  return `hf:${repo}:${quant}`;
}

export function rowOfSuggestion(entry: CatalogueEntry): HubRowItem {
  return {
    address: addressOf(entry),
    repo: entry.repo,
    name: entry.name,
    line: `${entry.author}. ${texts.purposes[entry.purpose]}`,
    quant: entry.quant,
    sizeBytes: entry.roughSizeBytes,
    licence: entry.licence,
    isGated: false,
  };
}

/** @param now ms since 1970, for "this year" */
export function rowOfSummary(model: HubModelSummary, now: number): HubRowItem {
  return {
    address: model.repo,
    repo: model.repo,
    name: nameOfRepo(model.name),
    line: [
      model.author,
      model.parameterCount === null ? null : formatParameters(model.parameterCount),
      texts.search.downloads(formatTokensCompact(model.downloads)),
      model.updatedAt === null ? null : formatDay(model.updatedAt, now),
    ]
      .filter((part) => part !== null && part !== '')
      .join(', '),
    quant: null,
    sizeBytes: model.parameterCount === null ? null : roughSize(model.parameterCount),
    licence: model.licence,
    isGated: model.gated !== 'no',
  };
}

/** True for what names one model and is no search: a web address, `hf:owner/name`, `owner/name`. */
export function isModelAddress(text: string): boolean {
  const trimmed = text.trim();
  return /^(?:https?:\/\/|hf:)\S+$/i.test(trimmed) || /^[\w.-]+\/[\w.-]+$/.test(trimmed);
}
