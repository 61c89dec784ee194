import axe, { type Result, type RunOptions } from 'axe-core';
import { expect } from 'vitest';
import type { AppPage } from './app-page.ts';

/** Dozens of audits in one test, each of them a second of pure work and more on a machine that is busy, ms. */
export const AUDITS_TIMEOUT_MS = 300_000;

/** Wide, small and half-height windows. */
const SIZES = [
  { width: 1440, height: 900 },
  { width: 900, height: 700 },
  { width: 720, height: 450 },
] as const;
/** For what another size of window would close. */
const ONLY = { all: SIZES, wide: SIZES.slice(0, 1), narrow: SIZES.slice(1, 2) };

const EVERY_RULE: RunOptions['runOnly'] = {
  type: 'tag',
  values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
};
/** The only rules whose result the theme can change; the others are the same in light and dark. */
const COLOUR_RULES: RunOptions['runOnly'] = {
  type: 'rule',
  values: ['color-contrast', 'link-in-text-block'],
};

/**
 * What axe finds in the page as it is. Its builder for Playwright would read its source into the page again for each
 * run, and describe what is right too: four times the work of the run itself.
 */
async function violationsIn({ page }: AppPage, runOnly: RunOptions['runOnly']): Promise<Result[]> {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe.source);
  const options: RunOptions = { resultTypes: ['violations'], ...(runOnly === undefined ? {} : { runOnly }) };
  return page.evaluate(async (wanted) => {
    const { axe: inPage } = globalThis as unknown as { axe: typeof axe };
    return (await inPage.run(document, wanted)).violations;
  }, options);
}

/**
 * What axe finds: every rule in light, the colour rules in dark, in each size.
 * @param applyTheme waits until the page shows the system's theme, or makes it do so
 */
export async function faultsOf(
  page: AppPage,
  sizes: keyof typeof ONLY = 'all',
  applyTheme: (theme: string) => Promise<unknown> = (theme) =>
    page.page.waitForFunction((wanted) => document.documentElement.dataset['theme'] === wanted, theme),
): Promise<string[]> {
  const faults: string[] = [];
  for (const size of ONLY[sizes]) {
    await page.page.setViewportSize(size);
    if (await scrollsAsAWhole(page)) faults.push(`${size.width}: the window itself scrolls`);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await applyTheme(colorScheme);
      const rules = colorScheme === 'light' ? EVERY_RULE : COLOUR_RULES;
      for (const { id, nodes } of await violationsIn(page, rules)) {
        for (const { html, failureSummary } of nodes) {
          const why = failureSummary?.replace(/\s+/g, ' ') ?? '';
          faults.push(`${size.width} ${colorScheme} ${id}: ${html.slice(0, 160)} ${why}`);
        }
      }
    }
  }
  await page.page.setViewportSize(SIZES[0]);
  await page.page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  return faults;
}

/** Fails on any finding of axe in this state of the page; see {@link faultsOf}. */
export async function audit(
  page: AppPage,
  state: string,
  ...options: Parameters<typeof faultsOf> extends [unknown, ...infer Rest] ? Rest : never
): Promise<void> {
  expect(await faultsOf(page, ...options), state).toEqual([]);
}

/** True when something without a place of its own makes the window longer than it is. */
const scrollsAsAWhole = ({ page }: AppPage): Promise<boolean> =>
  page.evaluate(() => document.documentElement.scrollHeight > innerHeight);

/** Fails when the page can be scrolled sideways. */
export async function expectNoSidewaysScroll(page: AppPage, state: string): Promise<void> {
  const { scroll, client } = await page.page.evaluate(() => {
    const root = document.documentElement;
    return { scroll: Math.max(root.scrollWidth, document.body.scrollWidth), client: root.clientWidth };
  });
  expect(scroll, state).toBeLessThanOrEqual(client);
}
