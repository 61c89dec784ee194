import type { Fit, HubFile, HubModel } from '../contract/index.ts';
import { isFullPrecision } from './quant.ts';

/** Tokens a second that no reader waits for: about 350 words a minute. */
const READING_SPEED = 8;
/** Of the free memory: what else runs needs room to breathe. */
const USABLE_SHARE = 0.9;
/** What most people take: little is lost, and it is the smallest of which that is true. */
const USUAL_QUANTS = ['Q4_K_M', 'Q4_K_S', 'Q4_0', 'IQ4_XS', 'Q5_K_M', 'Q4_K_XL', 'UD-Q4_K_XL', 'Q8_0'];

/** The file that is taken when nothing is known of this computer. */
export function usualFile(files: readonly HubFile[]): HubFile | null {
  const models = files.filter(({ kind }) => kind === 'model');
  const usual = USUAL_QUANTS.flatMap((quant) => models.find((file) => file.quant === quant) ?? []);
  return usual[0] ?? models[Math.floor(models.length / 2)] ?? null;
}

/**
 * The one file to take: the best quant that fits into the fastest memory and answers at reading speed; else
 * the smallest. Quants of a repository share their shape, so one file's fit tells about all.
 * @param fit of `fitted`; null when it is not known
 */
export function recommend(
  files: readonly HubFile[],
  fit: Fit | null,
  fitted: HubFile | null,
): HubModel['recommended'] {
  const models = files.filter(({ kind }) => kind === 'model').sort((a, b) => b.sizeBytes - a.sizeBytes);
  const smallest = models.at(-1);
  if (!smallest) return null;
  const usual = usualFile(files) ?? smallest;
  if (fit === null || fitted === null) return { path: usual.path, reason: 'usual_choice' };
  const besidesWeights = fit.kvCacheBytes + fit.buffersBytes;
  const { freeBytes } = fit.vram ?? fit.ram;
  const fits = (file: HubFile) => file.sizeBytes + besidesWeights <= freeBytes * USABLE_SHARE;
  // Decode reads every weight once a token: its speed goes with the size.
  const speed = (file: HubFile) =>
    fit.decode === null ? Infinity : (fit.decode.low * fitted.sizeBytes) / file.sizeBytes;
  const fitting = models.filter(fits);
  const quantised = fitting.filter((file) => !isFullPrecision(file.quant));
  const candidates = quantised.length > 0 ? quantised : fitting;
  const quick = candidates.find((file) => speed(file) >= READING_SPEED);
  // Too slow in every quant: then smaller ones than the usual would only be worse.
  const best = quick ?? candidates.find((file) => file.sizeBytes <= usual.sizeBytes) ?? candidates.at(-1);
  return best ? { path: best.path, reason: 'best_that_fits' } : { path: smallest.path, reason: 'smallest' };
}
