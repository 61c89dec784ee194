import { createORPCClient } from '@orpc/client';
import { RPCLink } from '@orpc/client/message-port';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp, type App, type AppOptions } from '../../src-main/app.ts';
import type { AppClient, AppEvent, Model } from '../../src-main/contract/index.ts';
import { createMemoryChannelPair, guardChannel } from '../../src-main/contract/transport.ts';
import type { Platform } from '../../src-main/platform.ts';
import { createMemorySecrets } from '../../src-main/privacy/memory-secrets.ts';

export interface TestCore {
  client: AppClient;
  app: App;
  dataDir: string;
  modelsDir: string;
  logLines: string[];
  /** Adds the only file (or the one of that name) of the models folder to the library. */
  addModel(fileName?: string): Promise<Model>;
  /** Resolves with the first event that `matches`, from now on. */
  waitFor<T extends AppEvent>(matches: (event: AppEvent) => event is T): Promise<T>;
  waitFor(matches: (event: AppEvent) => boolean): Promise<AppEvent>;
  /** Sends a text and resolves when its answer has settled. */
  chat(
    text: string,
    conversationId?: string | null,
  ): Promise<{ conversationId: string; assistantMessageId: string }>;
  close(): Promise<void>;
}

/** A client of a running app in this process, through the same guard as every transport. */
export function memoryClient(app: Pick<App, 'serve'>): { client: AppClient; close: () => void } {
  const [near, far] = createMemoryChannelPair();
  app.serve(far);
  const client: AppClient = createORPCClient(new RPCLink({ port: guardChannel(near, { side: 'client' }) }));
  return { client, close: () => near.close() };
}

/** Starts the real core (store worker, sidecar) on folders of its own; `reuse` starts on an earlier one's. */
export async function startCore(
  reuse?: { dataDir: string; modelsDir: string },
  {
    otherApps = [],
    guideFile = null,
    settings = {},
    ...tuning
  }: {
    otherApps?: Platform['paths']['otherApps'];
    guideFile?: string | null;
    /** Instead of the defaults. */
    settings?: Record<string, unknown>;
  } & AppOptions = {},
): Promise<TestCore> {
  const root = reuse ? null : mkdtempSync(join(tmpdir(), 'leeward-core-'));
  const dataDir = reuse?.dataDir ?? join(root ?? '', 'data');
  const modelsDir = reuse?.modelsDir ?? join(root ?? '', 'models');
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  mkdirSync(modelsDir, { recursive: true });
  const logLines: string[] = [];
  // A title would be asked for, and the chat read on, after an answer; the tests of these switch them on.
  let stored: Record<string, unknown> = { titlesByModel: false, readAhead: false, ...settings };
  const platform: Platform = {
    host: 'browser',
    capabilities: {
      canPickFile: false,
      canRevealInFolder: false,
      canKeepSecrets: false,
      canOpenExternal: false,
      canSaveFile: false,
      canTrashFiles: false,
      canShowTray: false,
      canCloseToTray: false,
      canNotify: false,
    },
    paths: {
      dataDir,
      dataDirLabel: 'data',
      guideFile,
      modelFolders: [{ id: 'models', path: modelsDir }],
      otherApps,
    },
    settingsFile: { read: () => stored, write: (value) => void (stored = value) },
    secrets: createMemorySecrets(),
    nodeBinary: process.execPath,
    log: (event, fields) => void logLines.push(`${event} ${JSON.stringify(fields ?? {})}`),
  };
  const app = await createApp(platform, tuning);
  const { client, close: closeClient } = memoryClient(app);
  const stopEvents = new AbortController();
  const stream = await client.system.events(undefined, { signal: stopEvents.signal });
  const waiters = new Set<(event: AppEvent) => void>();
  void (async () => {
    for await (const event of stream) for (const waiter of [...waiters]) waiter(event);
  })().catch(() => {});

  const waitFor = (matches: (event: AppEvent) => boolean) =>
    new Promise<AppEvent>((resolve) => {
      const waiter = (event: AppEvent) => {
        if (!matches(event)) return;
        waiters.delete(waiter);
        resolve(event);
      };
      waiters.add(waiter);
    });

  return {
    client,
    app,
    dataDir,
    modelsDir,
    logLines,
    waitFor: waitFor as TestCore['waitFor'],
    async addModel(fileName) {
      const file = (await client.models.files()).find(
        (candidate) => !fileName || candidate.fileName === fileName,
      );
      if (!file) throw new Error(`no model file ${fileName ?? ''} in the models folder`);
      return client.models.add({ fileId: file.fileId });
    },
    async chat(text, conversationId = null) {
      const settled = new Map<string, () => void>();
      const seen = new Set<string>();
      const waiter = (event: AppEvent) => {
        if (event.type !== 'generation.settled') return;
        seen.add(event.messageId);
        settled.get(event.messageId)?.();
      };
      waiters.add(waiter);
      const modelId = conversationId ? null : ((await client.models.list())[0]?.id ?? null);
      const sent = await client.conversations.send({
        requestId: crypto.randomUUID(),
        conversationId,
        parentId: null,
        text,
        modelId,
      });
      if (!seen.has(sent.assistantMessageId)) {
        await new Promise<void>((resolve) => settled.set(sent.assistantMessageId, resolve));
      }
      waiters.delete(waiter);
      return sent;
    },
    async close() {
      stopEvents.abort();
      closeClient();
      await app.close();
      if (root) rmSync(root, { recursive: true, force: true });
    },
  };
}
