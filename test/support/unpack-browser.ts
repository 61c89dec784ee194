import { findBrowser } from './browser.ts';

/** Run by vitest before the tests of a project; where there is no browser each test that needs one says so. */
export async function setup(): Promise<void> {
  await findBrowser().catch(() => {});
}
