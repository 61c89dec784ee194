import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'vite';

const ROOT = join(import.meta.dirname, '..', '..');
/** Address of what lies beside the built files; the tests' processes inherit it. */
const BESIDE_VARIABLE = 'LEEWARD_TEST_ENTRIES';

/**
 * At each start the library tries its binary in a process of its own, which costs a third of a start. The CPU's works
 * where one test works; what the end-to-end specs start, and every other backend, is tried.
 */
const TRIED_SIDECAR = `import { registerHooks } from 'node:module';
const TRIAL = '/testBindingBinary.js';
registerHooks({
  load(url, context, next) {
    if (!url.endsWith(TRIAL)) return next(url, context);
    const source =
      'import { testBindingBinary as real } from ' + JSON.stringify(url + '?real') + ';' +
      'export const testBindingBinary = async (...args) => args[2] === false || real(...args);';
    return { format: 'module', source, shortCircuit: true };
  },
});
await import('./sidecar-itself.js');
`;

/**
 * Run by vitest before the tests of a project: builds the workers and the sidecar from the sources as they are. Each
 * start of them from the sources would read and strip some hundred files, which is half of its work, and the tests
 * start over a thousand.
 */
export async function setup(): Promise<() => void> {
  const cache = join(ROOT, '.cache');
  mkdirSync(cache, { recursive: true });
  // As deep as out/main: what lies beside the code is found by way of the folder.
  const outDir = mkdtempSync(join(cache, 'test-'));
  process.env[BESIDE_VARIABLE] = pathToFileURL(join(outDir, 'entries.js')).href;
  await build({ configFile: join(ROOT, 'vite.main.config.ts'), logLevel: 'warn', build: { outDir } });
  renameSync(join(outDir, 'sidecar.js'), join(outDir, 'sidecar-itself.js'));
  writeFileSync(join(outDir, 'sidecar.js'), TRIED_SIDECAR);
  return () => rmSync(outDir, { recursive: true, force: true });
}

/** Lets the tests' own process find the files that {@link setup} built where the product finds those of its bundle. */
export function builtEntries(): Plugin {
  return {
    name: 'leeward-built-entries',
    enforce: 'pre',
    transform: {
      filter: { id: /\/src-main\/entries\.ts$/ },
      // Read when the test runs: vitest keeps what comes of this for the runs after it.
      handler: (code) => code.replaceAll('import.meta.url', `process.env['${BESIDE_VARIABLE}']`),
    },
  };
}
