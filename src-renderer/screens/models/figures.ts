import { formatContextSize, formatListTime, formatParameters } from '../../lib/format.ts';
import { modelsTexts as texts } from '../../texts/models.ts';

// Made once: a format costs some 50 µs.
const spelled = new Intl.NumberFormat(undefined, {
  notation: 'compact',
  compactDisplay: 'long',
  maximumSignificantDigits: 3,
});

/** Parameters as a person says them: 7.25 billion. */
export function parametersLong(parameters: number): string {
  return spelled.format(parameters);
}

/** Second line of a row: what the header knows of "7.25B", "32k context" and the number of files. */
export function sizeLine(parameters: number | null, context: number | null, parts: number): string {
  return [
    parameters === null ? null : formatParameters(parameters),
    context === null ? null : texts.contextShort(formatContextSize(context)),
    parts > 1 ? texts.splitParts(parts) : null,
  ]
    .filter((part) => part !== null)
    .join(', ');
}

/** When a model was last used, short. @param at ms since 1970, null for never */
export function usedAt(at: number | null, now: number): string {
  return at === null ? texts.neverUsed : formatListTime(at, now);
}
