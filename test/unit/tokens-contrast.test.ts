import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** Contrast of WCAG 2.2 AA: text, and parts of controls and charts that must be recognised. */
const TEXT_RATIO = 4.5;
const MARK_RATIO = 3;

const css = readFileSync(new URL('../../src-renderer/styles/tokens.css', import.meta.url), 'utf8');

type Rgb = [number, number, number];

function readTheme(theme: string): Map<string, Rgb> {
  const block = new RegExp(`\\[data-theme="${theme}"\\]\\s*\\{([^}]*)\\}`).exec(css)?.[1] ?? '';
  const tokens = new Map<string, Rgb>();
  for (const [, name = '', hex = ''] of block.matchAll(/--([\w-]+):\s*#([0-9a-f]{6})\b/g)) {
    tokens.set(name, [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as Rgb);
  }
  return tokens;
}

/** Relative luminance, WCAG 2.2 definition. */
function luminance(rgb: Rgb): number {
  const [red, green, blue] = rgb.map((value) => {
    const channel = value / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: Rgb, b: Rgb): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

const SURFACES = [
  'bg-frame',
  'bg-panel',
  'bg-main',
  'bg-raised',
  'bg-sunken',
  'bg-code',
  'bg-hover',
  'bg-selected',
];
const QUIET_SURFACES = SURFACES.slice(0, 7);
const SYNTAX = ['syn-key', 'syn-fn', 'syn-str', 'syn-num', 'syn-com'];
const CHART = ['viz-1', 'viz-2', 'viz-3', 'viz-4', 'viz-5'];
const MEMORY = ['viz-weights', 'viz-kv', 'viz-app', 'viz-other'];
const SOFT = ['accent-soft', 'ok-soft', 'warn-soft', 'bad-soft'];

/** Foregrounds, the surfaces they may lie on, and the ratio they need (guide section 2). */
const PAIRS: readonly { names: readonly string[]; on: readonly string[]; ratio: number }[] = [
  { names: ['text-1', 'text-2', 'accent-text'], on: SURFACES, ratio: TEXT_RATIO },
  { names: ['text-3'], on: QUIET_SURFACES, ratio: TEXT_RATIO },
  { names: ['text-1', 'text-2'], on: SOFT, ratio: TEXT_RATIO },
  { names: ['ok', 'warn', 'bad'], on: ['bg-panel', 'bg-main', 'bg-raised'], ratio: TEXT_RATIO },
  { names: ['ok'], on: ['ok-soft'], ratio: TEXT_RATIO },
  { names: ['warn'], on: ['warn-soft'], ratio: TEXT_RATIO },
  { names: ['bad'], on: ['bad-soft'], ratio: TEXT_RATIO },
  { names: ['accent-text'], on: ['accent-soft'], ratio: TEXT_RATIO },
  { names: ['on-accent'], on: ['accent', 'accent-hover', 'accent-press'], ratio: TEXT_RATIO },
  { names: ['on-bad'], on: ['bad-fill'], ratio: TEXT_RATIO },
  { names: SYNTAX, on: ['bg-code'], ratio: TEXT_RATIO },
  { names: ['line-ctl'], on: ['bg-panel', 'bg-main', 'bg-raised'], ratio: MARK_RATIO },
  { names: ['focus'], on: SURFACES, ratio: MARK_RATIO },
  { names: ['accent'], on: ['bg-main', 'bg-raised', 'bg-panel', 'bg-sunken'], ratio: MARK_RATIO },
  { names: CHART, on: ['bg-main', 'bg-raised'], ratio: MARK_RATIO },
  { names: MEMORY, on: ['bg-panel', 'bg-main', 'bg-raised'], ratio: MARK_RATIO },
];

describe.each(['light', 'dark'])('contrast of the %s theme', (theme) => {
  const tokens = readTheme(theme);
  const cases = PAIRS.flatMap(({ names, on, ratio }) =>
    names.flatMap((name) => on.map((surface) => ({ name, surface, ratio }))),
  );

  it.each(cases)('$name on $surface is at least $ratio : 1', ({ name, surface, ratio }) => {
    const foreground = tokens.get(name);
    const background = tokens.get(surface);
    if (foreground === undefined || background === undefined)
      throw new Error(`${name} or ${surface} is missing`);
    expect(contrast(foreground, background)).toBeGreaterThanOrEqual(ratio);
  });

  it('defines the same colours as the other theme', () => {
    const other = readTheme(theme === 'light' ? 'dark' : 'light');
    expect([...tokens.keys()].sort()).toEqual([...other.keys()].sort());
  });
});
