import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// Builds the renderer: static files that both hosts serve under the same content security policy.
export default defineConfig({
  root: 'src-renderer',
  base: './',
  plugins: [svelte({ configFile: false })],
  build: {
    outDir: '../out/renderer',
    emptyOutDir: true,
    target: 'es2024',
    // For older ones :dir() would become a list of languages, which says nothing about an answer's text.
    cssTarget: ['chrome123', 'firefox128', 'safari17.5'],
    // Inlined assets would need data: in script-src or style-src; the policy has neither.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Advice for plugin authors; says nothing to someone who starts the app.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
});
