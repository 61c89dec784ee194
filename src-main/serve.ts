import { homedir } from 'node:os';
import { join } from 'node:path';
import { acquireDataFolder } from './data-folder.ts';
import { findOtherApps } from './models/other-apps.ts';
import { createOpened } from './opened.ts';
import { startApp } from './start-app.ts';
import { parseServeArguments, USAGE, type ServeOptions } from './server/arguments.ts';
import { exitCodeOf, sentenceOf, textOf } from './server/failures.ts';
import { startBrowserHost, type BrowserHost } from './server/http-server.ts';
import { createBrowserPlatform, openModelFolders } from './server/platform.ts';
import { isLoopback } from './server/request-rules.ts';
import { onStopRequest } from './server/stop.ts';
import { loadStaticFiles } from './server/static-files.ts';
import { createToken } from './server/token.ts';
import { keepYoungHeapSmall } from './server/young-heap.ts';

// The renderer's build lies beside the bundle, and under out/ seen from the sources.
const RENDERER_DIR = join(
  import.meta.dirname,
  import.meta.url.endsWith('.ts') ? '../out/renderer' : '../renderer',
);

/** Sentences go to stderr, so that stdout holds one line of JSON and nothing else when that is asked for. */
const tell = (sentence: string) => console.error(sentence);

const notOpenedSentences = {
  store_damaged: 'The chats do not pass their check. The page offers what can be opened instead.',
  store_newer:
    'The chats were saved by a newer version of Leeward. Nothing was changed; the page offers what can be opened instead.',
};

const opened = createOpened();

async function start(options: ServeOptions): Promise<void> {
  keepYoungHeapSmall();
  const files = loadStaticFiles(RENDERER_DIR);
  const modelFolders = openModelFolders(options);
  const folder = acquireDataFolder(options.dataDir, { address: null });
  opened.add(() => folder.release());
  const otherApps = await findOtherApps({ env: process.env, home: homedir() });
  const platform = createBrowserPlatform(options.dataDir, { modelFolders, otherApps }, tell);
  const app = await startApp(platform);
  if (app.notOpened !== null) tell(notOpenedSentences[app.notOpened]);
  opened.add(app.close);
  const token = createToken();
  const log = platform.log.bind(platform);
  const host = await startBrowserHost({ ...options, files, token, serve: app.serve, log });
  opened.add(host.close);
  folder.setAddress(host.origins[0] ?? null);
  log('serve.ready');
  announce(options, host, token);
}

function announce({ host: listenOn, json, modelDirs }: ServeOptions, host: BrowserHost, token: string): void {
  const urls = host.origins.map((origin) => `${origin}/#token=${token}`);
  if (!isLoopback(listenOn)) {
    tell('Warning: other computers can reach this address, and the connection is not encrypted.');
    tell('Anyone who has the whole address can read and write your chats.');
    for (const url of urls.slice(1)) tell(`Also at ${url}`);
  }
  tell(`GGUF files are taken from ${modelDirs.join(', ')}`);
  if (json) console.log(JSON.stringify({ url: urls[0], port: host.port, pid: process.pid }));
  else console.log(`\nOpen this address in your browser:\n\n  ${urls[0]}\n\nCtrl+C stops Leeward.`);
}

const parsed = parseServeArguments(process.argv.slice(2), {
  env: process.env,
  home: homedir(),
  platform: process.platform,
});
if (parsed.kind === 'help') {
  console.log(USAGE);
} else if (parsed.kind === 'refused') {
  tell(`${parsed.message}\n\n${USAGE}`);
  process.exitCode = 2;
} else {
  onStopRequest(opened.closeAll, (error) => tell(`Leeward did not stop clean: ${textOf(error)}`));
  try {
    await start(parsed.options);
  } catch (error) {
    tell(sentenceOf(error, parsed.options));
    await opened.closeAll().catch(() => {});
    process.exit(exitCodeOf(error));
  }
}
