import type { PerLayer, ShapeFacts } from '../gguf-shape.ts';

/**
 * How the pinned engine reads a model's windows (`load_arch_hparams` in llama.cpp's src/models). An architecture
 * that is not listed keeps the whole context in every layer, whatever its file says: Phi-3's windows, for one,
 * are switched off there.
 */
interface WindowRule {
  /** Every so many layers one keeps the whole context. */
  period?: number;
  /** That one is the first of each group, not the last. */
  fullFirst?: boolean;
  /** Window of files that do not state it. */
  window?: number;
  /** The file's own window is not read. */
  isFixed?: true;
  /** A file without a window, or with one of 0, has none. */
  needsKey?: true;
  /** Only files with this many layers. */
  layers?: number;
  /** The pattern may be a list with one entry a layer; a list is not read elsewhere, and the period stays. */
  readsList?: true;
}

const RULES: Readonly<Record<string, WindowRule>> = {
  gemma2: { period: 2, window: 4096 },
  gemma3: { period: 6, needsKey: true },
  gemma3n: { period: 5 },
  gemma4: { readsList: true },
  'gpt-oss': { period: 2 },
  cohere2: { period: 4 },
  cohere2moe: { period: 4, fullFirst: true, readsList: true },
  llama4: { period: 4, window: 8192, isFixed: true },
  olmo2: { period: 4, needsKey: true },
  exaone4: { period: 4, window: 4096, layers: 64 },
  'exaone-moe': { period: 4, window: 128 },
  plamo3: { period: 8, needsKey: true },
  smallthinker: { period: 4, fullFirst: true, window: 4096, isFixed: true, needsKey: true },
  afmoe: { period: 4, needsKey: true },
  laguna: { period: 4, fullFirst: true, needsKey: true },
  mellum: { period: 4, needsKey: true, readsList: true },
  'muse-glimmer': { period: 4, readsList: true },
  'granite-swa': { readsList: true },
  step35: { readsList: true },
  mimo2: { readsList: true },
  lfm2: { period: 0, needsKey: true },
  lfm2moe: { period: 0, needsKey: true },
};

/** Which layers see only the last tokens, and how many; null when all see the whole context. */
export interface SlidingWindow {
  tokens: number;
  isWindowed(layer: number): boolean;
}

/** The windows that the pinned engine would use for a file. Pure. */
export function slidingWindowOf(
  architecture: string,
  facts: Pick<ShapeFacts, 'slidingWindow' | 'slidingWindowPattern'>,
  layerCount: number,
): SlidingWindow | null {
  const rule = Object.hasOwn(RULES, architecture) ? RULES[architecture] : undefined;
  if (!rule || (rule.layers !== undefined && rule.layers !== layerCount)) return null;
  const stated = facts.slidingWindow;
  // A stated 0 switches llama4's off; elsewhere it is taken as it is, and a window of 0 makes no sense.
  if (stated === 0 || (rule.needsKey && stated === null)) return null;
  const tokens = rule.isFixed ? rule.window : (stated ?? rule.window);
  if (tokens === undefined) return null;
  return { tokens, isWindowed: patternOf(rule, facts.slidingWindowPattern) };
}

function patternOf(rule: WindowRule, pattern: PerLayer | null): (layer: number) => boolean {
  if (Array.isArray(pattern) && rule.readsList) return (layer) => (pattern[layer] ?? 0) !== 0;
  // For those that want a list, one number stands for every layer.
  if (rule.period === undefined) return () => typeof pattern === 'number' && pattern !== 0;
  const period = typeof pattern === 'number' ? pattern : rule.period;
  if (period === 0) return () => true;
  return rule.fullFirst ? (layer) => layer % period !== 0 : (layer) => layer % period < period - 1;
}
