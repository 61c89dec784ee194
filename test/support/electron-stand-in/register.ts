import { registerHooks } from 'node:module';

// Loaded by --import before the built main bundle: what it imports as `electron` is the stand-in. Nothing else
// is changed, and main cannot tell.
const standIn = new URL('./electron.ts', import.meta.url).href;
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'electron' ? { url: standIn, shortCircuit: true } : next(specifier, context),
});
