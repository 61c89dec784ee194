import type {
  BenchCell,
  BenchFigure,
  BenchQuantity,
  BenchRow,
  BenchRun,
} from '../../../src-main/contract/index.ts';
import {
  formatChange,
  formatCount,
  formatDateTime,
  formatDecimal,
  formatDuration,
  formatFileSize,
  formatMemory,
} from '../../lib/format.ts';
import { labTexts } from '../../texts/lab.ts';
import { shellTexts } from '../../texts/shell.ts';
import { shortVersion, speedFigure } from './figures.ts';

const backends: Readonly<Record<string, string>> = shellTexts.backends;
const isSpeed = (quantity: BenchQuantity): boolean => quantity === 'prefill' || quantity === 'decode';

/** A spread, as fine as is worth reading: ±0.3, ±14, ±0.05 of seconds. */
function spreadText(plusMinus: number, quantity: BenchQuantity): string {
  const value = isSpeed(quantity) ? plusMinus : plusMinus / 1000;
  const decimals = isSpeed(quantity) ? (value < 9.95 ? 1 : 0) : 2;
  return `\u00b1${formatDecimal(value, decimals)}`;
}

/** A figure with its unit, and its plus-minus. */
export function figureText(
  { median, plusMinus }: BenchFigure,
  quantity: BenchQuantity,
): { main: string; spread: string } {
  return {
    main: isSpeed(quantity) ? speedFigure(median) : formatDuration(median),
    spread: plusMinus === null ? '' : spreadText(plusMinus, quantity),
  };
}

export interface ChangeLook {
  text: string;
  /** Which way the figure went; null for noise. */
  arrow: 'up' | 'down' | null;
  tone: 'ok-t' | 'bad-t' | 'muted';
  /** Said besides the sign: an arrow and a colour alone say nothing to some. */
  verdict: string;
}

/** How a change is said. @param hasPrevious there is a run to compare with */
export function changeLook({ change }: BenchCell, hasPrevious: boolean): ChangeLook | null {
  const texts = labTexts.change;
  const quiet = { arrow: null, tone: 'muted', verdict: '' } as const;
  if (change === null) return hasPrevious ? null : { ...quiet, text: texts.first };
  if (change.verdict === 'too_few' || change.change === null) return { ...quiet, text: texts.tooFew };
  const text = formatChange(change.change);
  if (change.verdict === 'noise') return { ...quiet, text: texts.noise(text) };
  const isBetter = change.verdict === 'better';
  return {
    text,
    arrow: change.change > 0 ? 'up' : 'down',
    tone: isBetter ? 'ok-t' : 'bad-t',
    verdict: isBetter ? texts.better : texts.worse,
  };
}

/** The one cell of a row's line; the first depth stands for all. */
export function cellOf({ lines }: BenchRow, quantity: BenchQuantity): BenchCell | null {
  return lines.find((line) => line.quantity === quantity)?.cells[0] ?? null;
}

/** Peak of the memory that the model lies in. */
export function peakOf({ peakVramBytes, peakMemoryBytes, environment }: BenchRun): number | null {
  return environment.backend === 'cpu' ? peakMemoryBytes : (peakVramBytes ?? peakMemoryBytes);
}

/** What a run was made with: label and value, in the same order for every run. */
export function factsOf(run: BenchRun): [label: string, value: string][] {
  const { facts, automatic, unknown, battery, mains } = labTexts.compare;
  const { dialog } = labTexts;
  const { model, settings, protocol, environment } = run;
  const backend = backends[environment.backend] ?? environment.backend;
  const count = (value: number | null): string => (value === null ? automatic : formatCount(value));
  const memory = (bytes: number | null): string => (bytes === null ? unknown : formatMemory(bytes));
  return [
    [facts.model, model.name],
    [facts.quant, model.quant ?? unknown],
    [facts.sha256, model.sha256?.slice(0, 12) ?? unknown],
    [facts.size, formatFileSize(model.sizeBytes)],
    [facts.context, formatCount(settings.contextSize)],
    [facts.gpuLayers, count(settings.gpuLayers)],
    [facts.threads, count(settings.threads)],
    [facts.flashAttention, dialog.flash[settings.flashAttention]],
    [facts.cacheType, settings.cacheType === null ? unknown : dialog.cacheTypes[settings.cacheType]],
    [facts.batch, settings.batchTokens === null ? unknown : formatCount(settings.batchTokens)],
    [facts.answer, formatCount(protocol.decodeTokens)],
    [facts.repeats, formatCount(protocol.repeats)],
    [facts.disturbed, formatCount(run.disturbed)],
    [facts.peakMemory, memory(run.peakMemoryBytes)],
    [facts.peakVram, memory(run.peakVramBytes)],
    [facts.engine, environment.engineVersion === '' ? unknown : environment.engineVersion],
    [facts.app, environment.appVersion],
    [facts.backend, [backend, ...environment.devices].join(', ')],
    [facts.driver, environment.driver ?? unknown],
    [facts.os, `${environment.os}, ${environment.arch}`],
    [facts.processor, `${environment.processor}, ${formatCount(environment.cores)}`],
    [facts.memory, formatMemory(environment.memoryTotalBytes)],
    [facts.power, environment.onBattery === null ? unknown : environment.onBattery ? battery : mains],
  ];
}

/** Engine of a run as it is shown in the list. */
export function engineOf({ environment }: BenchRun): string {
  return shortVersion(environment.engineVersion);
}

/** Day and time of a run. */
export function whenOf({ at }: BenchRun): string {
  return formatDateTime(at);
}
