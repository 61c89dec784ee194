import type { GenerationSample } from '../../../src-main/contract/index.ts';
import { csvOf, type Cell } from '../../lib/table-file.ts';

/** The columns of a file of answers, in this order. Units are in the names. */
const COLUMNS: readonly { name: string; of: (sample: GenerationSample) => Cell }[] = [
  { name: 'id', of: ({ id }) => id },
  { name: 'at', of: ({ at }) => new Date(at).toISOString() },
  { name: 'purpose', of: ({ purpose }) => purpose },
  { name: 'model', of: ({ modelName }) => modelName },
  { name: 'quant', of: ({ quant }) => quant },
  { name: 'sha256', of: ({ sha256 }) => sha256 },
  { name: 'sizeBytes', of: ({ sizeBytes }) => sizeBytes },
  {
    name: 'adapters',
    of: ({ adapters }) => adapters.map(({ name, scale }) => `${name} x ${scale}`).join('; '),
  },
  { name: 'backend', of: ({ backend }) => backend },
  { name: 'devices', of: ({ devices }) => devices.join('; ') },
  { name: 'contextSize', of: ({ contextSize }) => contextSize },
  { name: 'gpuLayers', of: ({ gpuLayers }) => gpuLayers },
  { name: 'threads', of: ({ threads }) => threads },
  { name: 'flashAttention', of: ({ flashAttention }) => flashAttention },
  { name: 'cacheType', of: ({ cacheType }) => cacheType },
  { name: 'temperature', of: ({ sampling }) => sampling?.temperature ?? null },
  { name: 'topK', of: ({ sampling }) => sampling?.topK ?? null },
  { name: 'topP', of: ({ sampling }) => sampling?.topP ?? null },
  { name: 'minP', of: ({ sampling }) => sampling?.minP ?? null },
  { name: 'repeatPenalty', of: ({ sampling }) => sampling?.repeatPenalty ?? null },
  { name: 'maxTokens', of: ({ sampling }) => sampling?.maxTokens ?? null },
  { name: 'reasoning', of: ({ reasoning }) => reasoning?.mode ?? null },
  { name: 'engineVersion', of: ({ engineVersion }) => engineVersion },
  { name: 'appVersion', of: ({ appVersion }) => appVersion },
  { name: 'kind', of: ({ kind }) => kind },
  { name: 'promptTokens', of: ({ promptTokens }) => promptTokens },
  { name: 'reusedTokens', of: ({ reusedTokens }) => reusedTokens },
  { name: 'reusedFrom', of: ({ reusedFrom }) => reusedFrom },
  { name: 'restoreMs', of: ({ restoreMs }) => restoreMs },
  { name: 'readTokens', of: ({ readTokens }) => readTokens },
  { name: 'rereadTokens', of: ({ rereadTokens }) => rereadTokens },
  { name: 'generatedTokens', of: ({ generatedTokens }) => generatedTokens },
  { name: 'guessedTokens', of: ({ guessedTokens }) => guessedTokens },
  { name: 'guessedRight', of: ({ guessedRight }) => guessedRight },
  { name: 'draftedTokens', of: ({ draftedTokens }) => draftedTokens },
  { name: 'draftedRight', of: ({ draftedRight }) => draftedRight },
  { name: 'loadMs', of: ({ loadMs }) => loadMs },
  { name: 'prefillMs', of: ({ prefillMs }) => prefillMs },
  { name: 'firstTokenMs', of: ({ firstTokenMs }) => firstTokenMs },
  { name: 'decodeMs', of: ({ decodeMs }) => decodeMs },
  { name: 'tokensPerSecond', of: ({ tokensPerSecond }) => tokensPerSecond },
  { name: 'stopReason', of: ({ stopReason }) => stopReason },
  { name: 'contextTokens', of: ({ contextTokens }) => contextTokens },
  { name: 'memoryBytes', of: ({ memoryBytes }) => memoryBytes },
  { name: 'vramBytes', of: ({ vramBytes }) => vramBytes },
];

/** A file of the raw records: one line each as CSV, the records as they are as JSON. Pure. */
export function samplesFile(
  samples: readonly GenerationSample[],
  format: 'csv' | 'json',
  now: number,
): { fileName: string; text: string } {
  const fileName = `leeward-answers-${new Date(now).toISOString().slice(0, 10)}.${format}`;
  if (format === 'json') return { fileName, text: `${JSON.stringify(samples, null, 1)}\n` };
  const rows = samples.map((sample) => COLUMNS.map(({ of }) => of(sample)));
  const names = COLUMNS.map(({ name }) => name);
  return { fileName, text: csvOf(names, rows) };
}
