import type { Download } from '../../../src-main/contract/index.ts';
import {
  formatCount,
  formatDuration,
  formatFileSize,
  formatFileSizes,
  formatRate,
  formatWait,
} from '../../lib/format.ts';
import { downloadsTexts as texts } from '../../texts/downloads.ts';

/** Bytes that are hashed together and fetched again together. */
export const PIECE_BYTES = 16 * 1024 * 1024;

const SPLIT_PART = /-\d{5}-of-\d{5}$/;

/** A file's name as a person says it: no ending, no quant, words apart. */
export function nameOfFile(fileName: string, quant: string | null): string {
  const base = fileName
    .replace(/^.*\//, '')
    .replace(/\.gguf$/i, '')
    .replace(SPLIT_PART, '');
  const end = base.toLowerCase().lastIndexOf((quant ?? '').toLowerCase());
  const withoutQuant =
    quant === null || quant === '' || end <= 0 || end + quant.length !== base.length
      ? base
      : base.slice(0, end);
  const words = withoutQuant.replace(/[-_.]+$/, '').replace(/[-_]+/g, ' ');
  return words.trim() === '' ? base : words.trim();
}

/** Name of what is downloaded; once it is on the list, the list's name. */
export function downloadName(download: Download, model: { name: string } | undefined): string {
  return model?.name ?? nameOfFile(download.fileName, download.quant);
}

/** Share from 0 to 1 for the bar. */
export function downloadShare({ state, receivedBytes, sizeBytes, pieces, checkedPieces }: Download): number {
  if (state === 'done') return 1;
  if (state === 'checking') return pieces === 0 ? 1 : checkedPieces / pieces;
  return sizeBytes === 0 ? 0 : receivedBytes / sizeBytes;
}

export function amount({ receivedBytes, sizeBytes }: Download): string {
  return texts.amount(...formatFileSizes(receivedBytes, sizeBytes));
}

/**
 * What a card says under its bar, the main figure first.
 * @param before name of the download that a waiting one waits for
 */
export function downloadLine(download: Download, before: string | null): string[] {
  const { state, pauseReason, pieces, damagedPieces } = download;
  switch (state) {
    case 'waiting':
      return [before === null ? texts.waiting : texts.waitingAfter(before)];
    case 'running':
      return [amount(download), ...rate(download)];
    case 'paused':
      return [texts.paused[pauseReason ?? 'user'], texts.kept(amount(download))];
    case 'checking':
      return [texts.checking(pieces, formatCount(pieces)), ...timeLeft(download)];
    case 'repairing':
      return [texts.repairing(pieces, formatCount(damagedPieces), formatCount(pieces)), ...rate(download)];
    case 'done':
      return [formatFileSize(download.sizeBytes)];
    case 'failed':
      return [texts.stopped, texts.kept(amount(download))];
  }
}

/** "191 of 446 pieces checked"; null where it says nothing. */
export function piecesLine({ state, pieces, checkedPieces }: Download): string | null {
  // Hashes follow the bytes: at first there is nothing to tell.
  if (
    pieces === 0 ||
    checkedPieces === 0 ||
    (state !== 'running' && state !== 'paused' && state !== 'checking')
  )
    return null;
  return texts.piecesChecked(pieces, formatCount(checkedPieces), formatCount(pieces));
}

/** Bytes that the damaged pieces have together; without the core's word, all of full length. */
export function damagedBytes({ damagedPieces, sizeBytes, error }: Download): number {
  const told = error?.data['damagedBytes'];
  if (typeof told === 'number') return told;
  return Math.min(sizeBytes, damagedPieces * PIECE_BYTES);
}

function rate(download: Download): string[] {
  const { bytesPerSecond } = download;
  return [...(bytesPerSecond === null ? [] : [formatRate(bytesPerSecond)]), ...timeLeft(download)];
}

function timeLeft({ etaMs }: Download): string[] {
  if (etaMs === null) return [];
  return [texts.timeLeft(etaMs < 60_000 ? formatWait(etaMs) : formatDuration(etaMs))];
}
