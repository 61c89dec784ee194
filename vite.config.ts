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
    // Inlined assets would need data: in script-src or style-src; the policy has neither.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
