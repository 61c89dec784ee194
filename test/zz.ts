import { readFileSync } from 'node:fs';
import { startServe } from './support/serve-process.ts';
import { connectSocket } from './support/socket-client.ts';
const root = '/tmp/tm/hist/history-a6b805b699c11204';
const facts = JSON.parse(readFileSync(`${root}/facts.json`, 'utf8'));
const serve = startServe(['--port', '0', '--data-dir', `${root}/data`, '--models-dir', '/tmp/tm/hist/no-models']);
const { url } = await serve.ready;
const { client, close } = await connectSocket(url);
const calls: Record<string, () => Promise<unknown>> = {
  get20: () => client.conversations.get({ id: facts.shortId, newest: 20 }),
  list50: () => client.history.list({ limit: 50 }),
  list500: () => client.history.list({}),
  trash: () => client.history.list({ place: 'trash', limit: 50 }),
  draft: () => client.conversations.saveDraft({ id: facts.shortId, draft: `draft ${performance.now()}` }),
  folders: () => client.folders.list(),
  tags: () => client.tags.list(),
  summaries: () => client.history.summaries({ ids: [facts.shortId] }),
  longNewest: () => client.conversations.get({ id: facts.longId, newest: 30 }),
  long: () => client.conversations.get({ id: facts.longId }),
  search: () => client.search.query({ query: 'the ' }),
};
for (const [name, call] of Object.entries(calls)) { const ms = []; for (let i = 0; i < 4; i++) { const t = performance.now(); await call(); ms.push(Math.round(performance.now() - t)); } console.log(name, ms.join(' ')); }
close(); serve.child.kill('SIGTERM'); await serve.exit;
