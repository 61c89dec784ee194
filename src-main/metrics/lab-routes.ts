import { implement } from '@orpc/server';
import { contract } from '../contract/index.ts';
import type { Lab } from './lab.ts';

const os = implement(contract);

/** Handlers of benchmarks. */
export function labRoutes(lab: Lab) {
  return {
    state: os.lab.state.handler(() => lab.state()),
    list: os.lab.list.handler(() => lab.list()),
    compare: os.lab.compare.handler(({ input }) => lab.compare(input.ids)),
    estimate: os.lab.estimate.handler(({ input }) => lab.estimate(input)),
    start: os.lab.start.handler(({ input }) => lab.start(input)),
    cancel: os.lab.cancel.handler(({ input }) => lab.cancel(input.keep)),
    rename: os.lab.rename.handler(({ input }) => lab.rename(input)),
    remove: os.lab.remove.handler(({ input }) => lab.remove(input)),
    restore: os.lab.restore.handler(({ input }) => lab.restore(input)),
    exportFile: os.lab.exportFile.handler(({ input }) => lab.exportFile(input.ids)),
    importFile: os.lab.importFile.handler(({ input }) => lab.importFile(input.text)),
  };
}
