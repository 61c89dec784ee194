import type { Download, Model } from '../../src-main/contract/index.ts';
import { formatPercent } from '../lib/format.ts';
import { downloadName, downloadShare } from '../screens/models/download-words.ts';
import { downloadsTexts } from '../texts/downloads.ts';

/** Four steps are enough to hear how far it is (guide section 9). */
const STEPS = 4;

/** What was said last of a download. */
export interface AnnouncedStep {
  readonly state: Download['state'];
  readonly step: number;
}

/**
 * What a screen reader is told of downloads: their start, each quarter and their end.
 * @param before what was said so far; null at first, when nothing is said
 */
export function announcements(
  downloads: readonly Download[],
  before: ReadonlyMap<string, AnnouncedStep> | null,
  modelOf: (id: string | null) => Model | undefined,
): { steps: Map<string, AnnouncedStep>; texts: string[] } {
  const steps = new Map<string, AnnouncedStep>();
  const texts: string[] = [];
  for (const download of downloads) {
    const step = { state: download.state, step: Math.floor(downloadShare(download) * STEPS) };
    steps.set(download.id, step);
    if (before === null) continue;
    const text = textFor(download, downloadName(download, modelOf(download.modelId)), step, before);
    if (text !== null) texts.push(text);
  }
  return { steps, texts };
}

function textFor(
  download: Download,
  name: string,
  now: AnnouncedStep,
  before: ReadonlyMap<string, AnnouncedStep>,
): string | null {
  const said = downloadsTexts.announce;
  const last = before.get(download.id);
  if (last === undefined && download.kind === 'download' && download.state !== 'done')
    return said.started(name);
  if (last?.state !== now.state) {
    if (now.state === 'done') return download.kind === 'verify' ? said.verified(name) : said.done(name);
    if (now.state === 'failed') return said.failed(name);
    if (now.state === 'paused') return said.paused(name);
  }
  if (now.state === 'running' && last !== undefined && now.step > last.step)
    return said.percent(name, formatPercent(now.step / STEPS));
  return null;
}
