import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import packageJson from '../package.json' with { type: 'json' };
import { createBackups } from './backups/backups.ts';
import { backupRoutes, lookRoutes } from './backups/routes.ts';
import { errorCodeOf, type Download, type HostCommand, type Salvaged } from './contract/index.ts';
import { createConversations, type Conversations } from './conversations/conversations.ts';
import { createExporter } from './conversations/transfer/export.ts';
import { createImporter } from './conversations/transfer/import.ts';
import { createTrainingPreview } from './conversations/transfer/training-preview.ts';
import { createShowRequests } from './conversations/show-requests.ts';
import { createDownloads } from './downloads/downloads.ts';
import { createEngine } from './engine/engine.ts';
import { entries } from './entries.ts';
import { createEventBus, type EventBus } from './events.ts';
import { createRoomGuard } from './free-space.ts';
import { createHub } from './hub/hub.ts';
import { guardChannel, type RawChannel } from './contract/transport.ts';
import { createFit } from './models/fit/fit.ts';
import { createHeaderReader } from './models/gguf-header.ts';
import { createLab } from './metrics/lab.ts';
import { createRecorder } from './metrics/recorder.ts';
import { MemoryHistory } from './metrics/memory-history.ts';
import { readMachine } from './models/machine.ts';
import { createModels, type Models } from './models/models.ts';
import { createTemplateRenderer } from './models/template-renderer.ts';
import { openModelSources } from './models/model-sources.ts';
import type { Platform } from './platform.ts';
import { createPrivacy } from './privacy/privacy.ts';
import { createHandler } from './router.ts';
import { createSettings, type SettingsService } from './settings/settings.ts';
import { keepingEngine } from './state-cache/keeping-engine.ts';
import { StateCache } from './state-cache/state-cache.ts';
import type { Store } from './store/api.ts';
import { openSearch } from './store/open-search.ts';
import { openStore } from './store/open-store.ts';

/**
 * Answers end within one prefill chunk, about a second at the worst; an engine that hangs is ended then, and its
 * answers with it. Main's own limit for a stop is 10 s.
 */
const ANSWERS_END_MS = 3_000;

export interface App {
  /** Serves a client on a channel whose hello was accepted. */
  serve(channel: RawChannel): void;
  readonly settings: Pick<SettingsService, 'get' | 'onChange'>;
  readonly events: Pick<EventBus, 'on'>;
  /** Lets files in that the user gave to the host; a client names them by the ids from here on. */
  readonly models: Pick<Models, 'allow' | 'open'>;
  readonly conversations: Pick<Conversations, 'list' | 'get' | 'stop'>;
  /** The host was asked to show a chat: the page does, now or when it opens. */
  showConversation(conversationId: string): void;
  /** A native menu of the host was used. */
  command(command: HostCommand): void;
  /** Interrupts running answers, writes everything, ends the engine and the store. Safe to call twice. */
  close(): Promise<void>;
}

/** A run on the readable part of a damaged database. */
export interface LookOnly {
  readonly salvaged: Salvaged;
  /** Back to the choice of a backup. */
  endLook(): Promise<void>;
}

export interface AppOptions {
  /** On what can still be read of a damaged database: nothing is written to it, and no model is loaded by itself. */
  look?: LookOnly | undefined;
  /** A chat is kept on the disk when reading it again would take so long, in ms: other than usual in tests and benchmarks. */
  savedStateWorthMs?: number | undefined;
  /** False in tests that need no engine: it starts when a model is loaded. */
  startsEngine?: boolean | undefined;
}

/**
 * The composition root: makes every service of one data folder and wires them.
 * @throws store_newer, store_damaged: nothing was changed; store_failed. Nothing is left running
 */
export async function createApp(
  platform: Platform,
  { look, savedStateWorthMs, startsEngine = true }: AppOptions = {},
): Promise<App> {
  const runId = randomUUID();
  const log = platform.log.bind(platform);
  const bus = createEventBus(runId);
  const settings = createSettings({ file: platform.settingsFile, bus, log });
  const { dataDir } = platform.paths;
  const isReadOnly = look !== undefined;
  const store = await openStore({ workerPath: entries.storeWorker, dataDir, log, readOnly: isReadOnly });
  const sources = await (isReadOnly ? Promise.resolve() : tidy(store, runId))
    .then(() => openModelSources(store, platform))
    .catch(async (error: unknown) => {
      await store.close();
      throw error;
    });
  const plainEngine = createEngine({
    sidecarPath: entries.sidecar,
    nodeBinary: platform.nodeBinary,
    log,
    beforeIdleUnload: () => savedStates.rest(),
  });
  const savedStates = new StateCache({
    engine: plainEngine,
    store,
    settings,
    dataDir,
    log,
    worthMs: savedStateWorthMs,
  });
  const engine = keepingEngine(plainEngine, savedStates);
  engine.configure({ backend: settings.get().backend });
  const privacy = createPrivacy({ store, settings, bus, sessionId: runId, log });
  const isDamaged = async (id: string) =>
    (await downloads.list()).some((download) => isFailedCheck(download, id));
  const models = createModels({
    store,
    engine,
    platform,
    sources,
    bus,
    settings,
    log,
    isDamaged,
    // A look at a damaged database writes nothing.
    guideFile: isReadOnly ? null : platform.paths.guideFile,
  });
  const hubToken = () => platform.secrets.get('huggingFaceToken');
  const hub = createHub({
    privacy,
    settings,
    hubToken,
    headers: createHeaderReader(entries.ggufWorker),
    fitOf: (file) => fit.ofHubFile(file, { contextSize: null, gpuLayers: null }),
    modelIdOf: (sha256s) => store.provenance.modelOfHashes({ sha256s }),
  });
  const fit = createFit({
    engine,
    models,
    remoteHeader: (file) => hub.headerOf(file),
    store,
    settings,
    bus,
    platform,
  });
  const downloads = createDownloads({
    network: privacy,
    hub,
    store,
    models,
    bus,
    log,
    dataDir: platform.paths.dataDir,
    folder: platform.paths.modelFolders[0]?.path ?? null,
    endpoint: () => settings.get().hubEndpoint,
    isOffline: () => privacy.state().offline,
    hubToken,
  });
  const room = createRoomGuard(dataDir);
  const recorder = createRecorder({ store, engine, settings, log });
  const memoryHistory = new MemoryHistory({
    engine,
    loaded: () => fit.loaded(),
    machine: () => readMachine(platform.paths.dataDir),
    nameOf: (id) =>
      store.models.get({ id }).then(
        ({ name }) => name,
        () => null,
      ),
  });
  const conversations = createConversations({
    store,
    engine,
    models,
    settings,
    bus,
    recorder,
    room,
    forgetStates: (ids) => savedStates.forget(ids),
    isOnBattery: platform.isOnBattery?.bind(platform),
  });
  const lab = createLab({
    store,
    engine,
    models,
    fit,
    bus,
    machine: () => readMachine(platform.paths.dataDir),
    isOnBattery: platform.isOnBattery?.bind(platform),
    log,
  });
  const importer = createImporter({ store, bus, room, purge: () => conversations.history.start() });
  const showRequests = createShowRequests(bus);
  const search = openSearch({ workerPath: entries.searchWorker, dataDir: platform.paths.dataDir, log });
  const backups = createBackups({
    store,
    search,
    bus,
    log,
    dataDir: platform.paths.dataDir,
    stopAnswers: conversations.stopAll,
    tidy: async () => {
      await tidy(store, runId);
      await models.databaseChanged();
    },
    isReadOnly,
  });
  const handler = createHandler({
    platform,
    bus,
    engine,
    models,
    conversations,
    search,
    backupRoutes: look === undefined ? backupRoutes(backups) : lookRoutes(backups, look.endLook),
    salvaged: look?.salvaged ?? null,
    fit,
    hub,
    downloads,
    exporter: createExporter({ store }),
    importer,
    previewTraining: createTrainingPreview({
      store,
      models,
      render: createTemplateRenderer(entries.templateWorker, { nodeBinary: platform.nodeBinary }),
    }),
    showRequests,
    privacy,
    settings,
    savedStates,
    store,
    memoryHistory,
    lab,
    appVersion: packageJson.version,
  });

  const disposers = [
    engine.onState((state) => bus.emit({ type: 'engine.changed', state })),
    () => recorder.close(),
    () => memoryHistory.close(),
    settings.onChange((changed) => engine.configure({ backend: changed.backend })),
  ];
  // What was to be deleted is; a failure is tried again in some hours.
  if (!isReadOnly) void conversations.history.start().catch(() => {});
  // The engine starts beside the first paint; a failure is in its state, where the interface shows it.
  if (startsEngine)
    void engine
      .start()
      .then(() => (isReadOnly ? undefined : models.loadAtStart()))
      .catch(() => {});

  let closed: Promise<void> | undefined;
  return {
    settings,
    events: bus,
    models,
    conversations,
    showConversation: showRequests.ask,
    command: (command) => bus.emitWhenHeard({ type: 'host.command', command }),
    serve: (channel) => handler.upgrade(guardChannel(channel, { side: 'server' })),
    close: () =>
      (closed ??= (async () => {
        const ended = Promise.all([
          conversations.close(),
          lab.close(),
          importer.close(),
          backups.close(),
          fit.close(),
          downloads.close().then(() => models.close()),
        ]);
        const patience = new AbortController();
        await Promise.race([
          ended,
          delay(ANSWERS_END_MS, undefined, { signal: patience.signal }).catch(() => {}),
        ]);
        patience.abort();
        for (const dispose of disposers) dispose();
        await engine.dispose();
        await ended;
        await hub.close();
        await privacy.close();
        await search.close();
        await store.close();
      })()),
  };
}

/** A check of this model found what does not match, and it was not repaired since. */
function isFailedCheck({ kind, modelId, state, error, damagedPieces }: Download, id: string): boolean {
  const mismatch = state === 'failed' && error?.code === 'checksum_mismatch';
  return kind === 'verify' && modelId === id && state !== 'done' && (mismatch || damagedPieces > 0);
}

/** Ends what the last run left open. A full disk must not keep anyone from reading: the next start tidies up. */
async function tidy(store: Store, runId: string): Promise<void> {
  try {
    await store.messages.interruptStreaming({ at: Date.now() });
    await store.transfer.abandonUnfinished(undefined);
    await store.ledger.closeStale({ sessionId: runId });
  } catch (error) {
    if (errorCodeOf(error) !== 'disk_full') throw error;
  }
}
