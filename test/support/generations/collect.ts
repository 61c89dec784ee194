import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

// Imported first by both processes of the soak: what V8 has not collected yet is no leak, and would hide one. With
// gigabytes free it lets a heap of 25 MB grow by 80 before it looks.

const COLLECT_MS = 5_000;

setFlagsFromString('--expose_gc');
const collect = runInNewContext('gc') as () => void;
setInterval(collect, COLLECT_MS).unref();
