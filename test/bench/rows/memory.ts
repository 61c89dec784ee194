import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { connectSocket } from '../../support/socket-client.ts';
import { freshFolders, loadModel, startBuilt, ensureBuilt, writeChats } from '../built-app.ts';
import { libraryVersion } from '../library.ts';
import { pssAlone, pssOf } from '../process-stats.ts';
import { arm, type BenchRow, type Round } from '../row.ts';
import { summarise } from '../stats.ts';
import { TimedChat } from '../timed-chat.ts';

const ROUNDS = 3;
const CHATS = 10;
const MESSAGES_EACH = 100;
const ANSWERS = 5;
/** The thread that reads headers ends after 10 s. */
const REST_MS = 12_000;

interface Pids {
  main: number;
  sidecar: number;
}

async function measureOnce(benchFolder: string): Promise<Round> {
  const folders = await freshFolders(benchFolder, 'memory');
  const chats = writeChats(folders.dataDir, CHATS, MESSAGES_EACH);
  const app = await startBuilt(folders);
  try {
    const { client, close } = await connectSocket(app.url);
    const chat = new TimedChat(client);
    const listening = new AbortController();
    await chat.listen(listening.signal);
    const model = await loadModel(client);
    await client.history.list({});
    for (const id of chats) {
      const { messages } = await client.conversations.get({ id, newest: MESSAGES_EACH });
      if (messages.length !== MESSAGES_EACH) throw new Error('not every message was opened');
    }
    const [sidecar] = app.sidecarPids();
    if (sidecar === undefined) throw new Error('no engine process');
    const pids: Pids = { main: app.pid, sidecar };
    const all = [pids.main, pids.sidecar];
    await delay(REST_MS);
    const opened = pssAlone(all);
    const [main, engine] = all.map((pid) => pssOf(pid));
    for (let i = 0; i < ANSWERS; i++) {
      const request = { requestId: crypto.randomUUID(), conversationId: null, parentId: null };
      await chat.time(
        ({ conversationId }) => conversationId,
        () => client.conversations.send({ ...request, text: 'What is next?', modelId: model.id }),
      );
    }
    await client.search.query({ query: 'the' });
    await delay(REST_MS);
    const used = pssAlone(all);
    listening.abort();
    close();
    return {
      openedBytes: opened.totalBytes,
      plainPssBytes: (main?.totalBytes ?? Number.NaN) + (engine?.totalBytes ?? Number.NaN),
      mainBytes: main?.anonymousBytes ?? Number.NaN,
      sidecarBytes: engine?.anonymousBytes ?? Number.NaN,
      usedBytes: used.totalBytes,
    };
  } finally {
    await app.dispose();
    rmSync(folders.root, { recursive: true, force: true });
  }
}

/** Target: what the app takes in serve mode with a model in memory and 1,000 messages open. */
export const row: BenchRow = {
  title: `Memory of main and engine with a half-megabyte model loaded and ${CHATS * MESSAGES_EACH} messages opened`,
  async measure({ folder, report, rounds }) {
    if (process.platform !== 'linux') throw new Error('Pss is read from /proc: this row runs on Linux');
    const conditions = {
      chats: CHATS,
      messages: CHATS * MESSAGES_EACH,
      restMs: REST_MS,
      library: libraryVersion(),
      node: process.versions.node,
    };
    const built = await freshFolders(folder, 'memory');
    await ensureBuilt(built);
    const measured = await rounds(ROUNDS, conditions, () => measureOnce(folder));
    report('Pss as if no other Node program ran here: files count once, whole');
    // In megabytes, as the target is.
    const mb = (name: string) => ({
      unit: 'MB',
      ...summarise(arm(measured, name).map((bytes) => bytes / 1e6)),
    });
    return {
      conditions,
      figures: [
        {
          name: 'Pss, main and engine, model loaded, messages opened',
          ...mb('openedBytes'),
          target: { atMost: 250 },
        },
        { name: `the same after ${ANSWERS} answers and a search`, ...mb('usedBytes') },
        { name: 'Pss as the system divides it now', ...mb('plainPssBytes') },
        { name: 'main, its own', ...mb('mainBytes') },
        { name: 'engine, its own', ...mb('sidecarBytes') },
      ],
    };
  },
};
