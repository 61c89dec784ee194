import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { build, defineConfig, type Plugin } from 'vite';

const OUT = join(import.meta.dirname, 'out', 'renderer');

/** Writes out/renderer.json: the names of all files of the build, which are all that the desktop host serves. */
function listFiles(): Plugin {
  return {
    name: 'leeward-list-files',
    apply: 'build',
    // After the frame's script.
    closeBundle: { sequential: true, order: 'post', handler: writeList },
  };
}

function writeList(): void {
  const names = readdirSync(OUT, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(OUT, join(entry.parentPath, entry.name)).split(sep).join('/'));
  writeFileSync(`${OUT}.json`, JSON.stringify(names.sort(), null, 2));
}

/** The script of the frame that draws diagrams: one plain file, for a page that has no origin to load modules with. */
function buildFrame(): Plugin {
  return {
    name: 'leeward-frame',
    apply: 'build',
    async closeBundle() {
      await build({
        configFile: false,
        logLevel: 'warn',
        publicDir: false,
        build: {
          outDir: OUT,
          emptyOutDir: false,
          target: 'es2024',
          chunkSizeWarningLimit: 8_000,
          lib: {
            entry: join(import.meta.dirname, 'src-renderer', 'frame', 'main.ts'),
            name: 'leewardFrame',
            formats: ['iife'],
            fileName: () => 'frame.js',
          },
          rolldownOptions: { checks: { pluginTimings: false }, output: { codeSplitting: false } },
        },
        define: { 'process.env.NODE_ENV': JSON.stringify('production') },
      });
    },
  };
}

/** Formulas' fonts in one format, which every browser reads that we support. */
function oneFontFormat(): Plugin {
  return {
    name: 'leeward-one-font-format',
    enforce: 'pre',
    transform: {
      filter: { id: /katex\.min\.css$/ },
      handler: (code) => code.replace(/,url\([^)]+\.(?:woff|ttf)\) format\("(?:woff|truetype)"\)/g, ''),
    },
  };
}

const PDF_MAPS = join(import.meta.dirname, 'node_modules', 'pdfjs-dist', 'cmaps');

/** Tables by which PDFs in Chinese, Japanese and Korean name their letters: without them such a file has no text. */
function pdfMaps(): Plugin {
  return {
    name: 'leeward-pdf-maps',
    apply: 'build',
    generateBundle() {
      for (const name of readdirSync(PDF_MAPS)) {
        const fileName = name === 'LICENSE' ? 'cmaps/LICENSE.txt' : `cmaps/${name}`;
        this.emitFile({ type: 'asset', fileName, source: readFileSync(join(PDF_MAPS, name)) });
      }
    },
  };
}

// Builds the renderer: static files that both hosts serve under the same content security policy.
export default defineConfig({
  root: 'src-renderer',
  base: './',
  // The PDF reader's worker is a module.
  worker: { format: 'es' },
  plugins: [oneFontFormat(), svelte({ configFile: false }), pdfMaps(), buildFrame(), listFiles()],
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: 'es2024',
    // For older ones :dir() would become a list of languages, which says nothing about an answer's text.
    cssTarget: ['chrome123', 'firefox128', 'safari17.5'],
    // Inlined assets would need data: in script-src or style-src; the policy has neither.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Read from the same disk in one go: splitting would only add requests.
    chunkSizeWarningLimit: 1_000,
    // Advice for plugin authors; says nothing to someone who starts the app.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
});
