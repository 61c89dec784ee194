import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createApp } from '../../src-main/app.ts';
import { startBrowserHost } from '../../src-main/server/http-server.ts';
import { createBrowserPlatform } from '../../src-main/server/platform.ts';
import { createToken } from '../../src-main/server/token.ts';
import { keepYoungHeapSmall } from '../../src-main/server/young-heap.ts';
import './generations/collect.ts';

// The app in a process of its own as `serve` runs it, but for two things: every chat is worth keeping on the disk,
// however quickly it is read, so that a model of half a megabyte has the state cache at work; and both processes
// collect their garbage at intervals, so that what grows is kept by something. Takes a data folder and
// a models folder, prints the line of JSON that serve prints, and ends with SIGTERM.

const [dataDir, modelsDir] = process.argv.slice(2);
if (dataDir === undefined || modelsDir === undefined) throw new Error('keeping-app DATA_DIR MODELS_DIR');
keepYoungHeapSmall();
mkdirSync(dataDir, { recursive: true, mode: 0o700 });
/** The engine's Node, with the collector in front: its own environment and arguments hand nothing on. */
const engineNode = join(dataDir, 'node-that-collects');
const collector = fileURLToPath(new URL('./generations/collect.ts', import.meta.url));
writeFileSync(engineNode, `#!/bin/sh\nexec '${process.execPath}' --import '${collector}' "$@"\n`, {
  mode: 0o700,
});
const platform = createBrowserPlatform(
  dataDir,
  { modelFolders: [{ id: 'models', path: modelsDir }], otherApps: [] },
  (sentence) => console.error(sentence),
);
const app = await createApp({ ...platform, nodeBinary: engineNode }, { savedStateWorthMs: 0 });
const token = createToken();
const host = await startBrowserHost({
  host: '127.0.0.1',
  port: 0,
  files: new Map(),
  token,
  serve: app.serve,
  log: platform.log.bind(platform),
});
process.once('SIGTERM', () => void host.close().then(() => app.close()));
console.log(JSON.stringify({ url: `${host.origins[0] ?? ''}/#token=${token}`, pid: process.pid }));
