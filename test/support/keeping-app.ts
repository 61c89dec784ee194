import { mkdirSync } from 'node:fs';
import { createApp } from '../../src-main/app.ts';
import { startBrowserHost } from '../../src-main/server/http-server.ts';
import { createBrowserPlatform } from '../../src-main/server/platform.ts';
import { createToken } from '../../src-main/server/token.ts';

// The app in a process of its own as `serve` runs it, but for one thing: every chat is worth keeping on the disk,
// however quickly it is read, so that a model of half a megabyte has the state cache at work. Takes a data folder and
// a models folder, prints the line of JSON that serve prints, and ends with SIGTERM.

const [dataDir, modelsDir] = process.argv.slice(2);
if (dataDir === undefined || modelsDir === undefined) throw new Error('keeping-app DATA_DIR MODELS_DIR');
mkdirSync(dataDir, { recursive: true, mode: 0o700 });
const platform = createBrowserPlatform(
  dataDir,
  { modelFolders: [{ id: 'models', path: modelsDir }], otherApps: [] },
  (sentence) => console.error(sentence),
);
const app = await createApp(platform, { savedStateWorthMs: 0 });
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
