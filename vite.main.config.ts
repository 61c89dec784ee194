import { builtinModules } from 'node:module';
import { defineConfig } from 'vite';
import packageJson from './package.json' with { type: 'json' };

const external = [
  ...builtinModules,
  /^node:/,
  'electron',
  ...Object.keys(packageJson.dependencies).flatMap((name) => [name, new RegExp(`^${name}/`)]),
];

// Builds the Node side. One flat folder: entries.ts finds the workers beside itself.
export default defineConfig({
  build: {
    ssr: true,
    outDir: 'out/main',
    emptyOutDir: true,
    target: 'node24',
    minify: false,
    rolldownOptions: {
      input: {
        main: 'src-main/main.ts',
        serve: 'src-main/serve.ts',
        sidecar: 'src-main/engine/sidecar/main.ts',
        'store-worker': 'src-main/store/worker.ts',
        'hash-worker': 'src-main/downloads/hash-worker.ts',
        'gguf-worker': 'src-main/models/gguf-worker.ts',
      },
      external,
      checks: { pluginTimings: false },
      output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: '[name].js' },
    },
  },
});
