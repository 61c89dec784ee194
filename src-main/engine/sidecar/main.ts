import { runSidecar } from './process.ts';

// Entry of the sidecar process: wiring only.
runSidecar();
