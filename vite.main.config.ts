import { builtinModules } from 'node:module';
import { build, defineConfig, type InlineConfig, type Plugin } from 'vite';
import packageJson from './package.json' with { type: 'json' };

const builtins = [...builtinModules, /^node:/];
const external = [
  ...builtins,
  'electron',
  ...Object.keys(packageJson.dependencies).flatMap((name) => [name, new RegExp(`^${name}/`)]),
];

const shared = { ssr: true, target: 'node24', minify: false } as const;

/** What plain Node runs, each one file. */
const standalone = {
  sidecar: 'src-main/engine/sidecar/main.ts',
  'template-worker': 'src-main/models/template-worker.ts',
};

const buildOf = (name: string, source: string, outDir: string): InlineConfig => ({
  configFile: false,
  logLevel: 'warn',
  ssr: { noExternal: true },
  build: {
    ...shared,
    outDir,
    emptyOutDir: false,
    rolldownOptions: {
      input: { [name]: source },
      external: [...builtins, 'node-llama-cpp'],
      checks: { pluginTimings: false },
      output: { format: 'es', entryFileNames: '[name].js', codeSplitting: false },
    },
  },
});

/**
 * The sidecar and the template's process are files that share nothing with the app: in a package they lie outside the
 * archive, where plain Node can read them, and what the app itself runs stays inside, where its integrity is checked.
 */
function buildStandalone(): Plugin {
  let outDir = '';
  return {
    name: 'leeward-standalone',
    apply: 'build',
    configResolved: (config) => void (outDir = config.build.outDir),
    closeBundle: async () => {
      for (const [name, source] of Object.entries(standalone)) await build(buildOf(name, source, outDir));
    },
  };
}

// Builds the Node side. One flat folder: entries.ts finds the workers beside itself.
export default defineConfig({
  plugins: [buildStandalone()],
  build: {
    ...shared,
    outDir: 'out/main',
    emptyOutDir: true,
    rolldownOptions: {
      input: {
        main: 'src-main/main.ts',
        serve: 'src-main/serve.ts',
        'store-worker': 'src-main/store/worker.ts',
        'search-worker': 'src-main/store/search-worker.ts',
        'hash-worker': 'src-main/downloads/hash-worker.ts',
        'gguf-worker': 'src-main/models/gguf-worker.ts',
      },
      external,
      checks: { pluginTimings: false },
      output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: '[name].js' },
    },
  },
});
