import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { builtEntries } from './test/support/built-entries.ts';
import { realElectron } from './test/support/electron-binary.ts';

/**
 * These share a machine with engines, windows and sockets of their own: one second attempt, told by name
 * (test/run.ts).
 */
const RETRIES = 1;

const SPECS = ['test/e2e/**/*.test.ts'];
const ELECTRON_ONLY = 'test/e2e/electron.test.ts';
/** What axe reads is the same renderer bundle in the same Chromium on every host: once is enough. */
const ACCESSIBILITY = 'test/e2e/accessibility-*.test.ts';

/** Once before the workers, which would else unpack it all at the same time. */
const BROWSER = ['test/support/unpack-browser.ts'];

/** The end-to-end specs on one host, which test/e2e/host.ts reads. */
const specsOn = (host: string, include: string[], exclude: string[]): TestProjectInlineConfiguration => ({
  extends: true,
  test: {
    name: `e2e ${host}`,
    include,
    exclude,
    env: { LEEWARD_E2E_HOST: host, LEEWARD_GUIDE_FILE: '' },
    retry: RETRIES,
    globalSetup: BROWSER,
    // A whole session of a person in one test, on a machine that may be busy.
    testTimeout: 90_000,
    isolate: false,
  },
});

export default defineConfig({
  plugins: [svelte({ configFile: false })],
  test: {
    // With the built-in model no test would be without one; its own tests switch it on.
    env: { LEEWARD_GUIDE_FILE: '' },
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Each worker may hold a model and a browser. A third uses the time that two cores wait for timers and starts.
    maxWorkers: 3,
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts'], isolate: false } },
      {
        extends: true,
        plugins: [builtEntries()],
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          retry: RETRIES,
          globalSetup: [...BROWSER, 'test/support/built-entries.ts'],
          isolate: false,
        },
      },
      {
        extends: true,
        test: { name: 'packaged', include: ['test/packaged/**/*.test.ts'], globalSetup: BROWSER },
      },
      specsOn('browser', SPECS, [ELECTRON_ONLY]),
      specsOn('desktop', SPECS, [ELECTRON_ONLY, ACCESSIBILITY]),
      // Where there is no binary its own file names what is skipped.
      specsOn('electron', 'binary' in realElectron ? SPECS : [ELECTRON_ONLY], [ACCESSIBILITY]),
    ],
  },
});
