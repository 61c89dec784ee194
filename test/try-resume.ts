import { row } from './bench/rows/resume.ts';
import { benchFolder } from './bench/llama-cpp.ts';
const r = await row.measure({ folder: benchFolder(), report: console.log, rounds: async (_n, _c, m) => [await m(0)] });
for (const f of r.figures) console.log(f.name, f.unit, f.median);
process.exit(0);
