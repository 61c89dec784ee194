import type { Recorder } from '../../src-main/metrics/recorder.ts';

/** Records nothing, for tests of what is around it. */
export const noRecorder: Recorder = {
  begin: () => ({ settle: (stats) => stats, keep: async () => {} }),
  close: () => {},
};
