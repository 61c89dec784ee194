import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';

// Entry of the sidecar process and of the one thread inside it that watches the parent.
if (isMainThread) {
  const { runSidecar } = await import('./process.ts');
  runSidecar(fileURLToPath(import.meta.url));
} else {
  const { watchParent } = await import('./parent-watch.ts');
  watchParent();
}
