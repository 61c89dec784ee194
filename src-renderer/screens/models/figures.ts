import { formatContextSize, formatDay, formatParameters, formatTime } from '../../lib/format.ts';
import { modelsTexts as texts } from '../../texts/models.ts';

/** A fit with the model's own settings, with which its speeds were measured. */
export const OWN_CHOICE = { contextSize: null, gpuLayers: null } as const;

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

const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'long' });
/** A weekday names one day only while it is less than a week ago. */
const WEEKDAY_MS = 6 * 24 * 3_600_000;

/**
 * When a model was last used: today the time, in the last days the weekday, else the day.
 * @param at ms since 1970, null for never
 */
export function usedAt(at: number | null, now: number): string {
  if (at === null) return texts.neverUsed;
  if (new Date(at).toDateString() === new Date(now).toDateString()) return formatTime(at);
  return now - at < WEEKDAY_MS ? weekday.format(at) : formatDay(at, now);
}
