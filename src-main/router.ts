import { basename } from 'node:path';
import { implement } from '@orpc/server';
import { RPCHandler } from '@orpc/server/message-port';
import type { backupRoutes } from './backups/routes.ts';
import { appError, contract, type Salvaged } from './contract/index.ts';
import type { Conversations } from './conversations/conversations.ts';
import { historyRoutes } from './conversations/history-routes.ts';
import type { Exporter } from './conversations/transfer/export.ts';
import type { Importer } from './conversations/transfer/import.ts';
import { transferRoutes } from './conversations/transfer/routes.ts';
import type { PreviewTraining } from './conversations/transfer/training-preview.ts';
import type { ShowRequests } from './conversations/show-requests.ts';
import type { Downloads } from './downloads/api.ts';
import type { Engine } from './engine/api.ts';
import type { EventBus } from './events.ts';
import type { Hub } from './hub/api.ts';
import { relatedOf } from './hub/related.ts';
import type { FitService } from './models/fit/fit.ts';
import { readMachine } from './models/machine.ts';
import type { Lab } from './metrics/lab.ts';
import { labRoutes } from './metrics/lab-routes.ts';
import type { MemoryHistory } from './metrics/memory-history.ts';
import { metricsRoutes } from './metrics/routes.ts';
import type { Models } from './models/models.ts';
import type { Platform } from './platform.ts';
import { createHubToken } from './privacy/hub-token.ts';
import type { Privacy } from './privacy/privacy.ts';
import { storedItems } from './privacy/stored.ts';
import { typedEdge } from './rpc-edge.ts';
import type { SettingsService } from './settings/settings.ts';
import { savedStateRoutes } from './state-cache/routes.ts';
import type { StateCache } from './state-cache/state-cache.ts';
import type { Store } from './store/api.ts';
import type { Search } from './store/open-search.ts';

export interface Services {
  platform: Platform;
  bus: EventBus;
  engine: Engine;
  models: Models;
  conversations: Conversations;
  search: Search;
  backupRoutes: ReturnType<typeof backupRoutes>;
  /** Set in a run that only reads. */
  salvaged: Salvaged | null;
  exporter: Exporter;
  importer: Importer;
  previewTraining: PreviewTraining;
  fit: FitService;
  hub: Hub;
  downloads: Downloads;
  showRequests: ShowRequests;
  privacy: Privacy;
  settings: SettingsService;
  savedStates: StateCache;
  store: Pick<Store, 'samples'>;
  memoryHistory: MemoryHistory;
  lab: Lab;
  appVersion: string;
}

const os = implement(contract);
type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };
/** A patch without keys that hold undefined: an absent key means unchanged. */
const defined = <T extends object>(patch: T) =>
  Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined)) as Defined<T>;

const platformNames = { darwin: 'mac', win32: 'windows' } as const;

/** Maps the contract to the services: no logic of its own. */
export function createRouter(services: Services) {
  return os.router({
    system: systemRoutes(services),
    conversations: conversationRoutes(services),
    ...treeRoutes(services.conversations),
    ...historyRoutes(services.conversations.history, services.search),
    ...contextRoutes(services.conversations),
    backups: services.backupRoutes,
    transfer: transferRoutes(services.exporter, services.importer, services.previewTraining),
    attachments: {
      read: os.attachments.read.handler(({ input }) => services.conversations.readAttachment(input.id)),
      countTokens: os.attachments.countTokens.handler(({ input }) =>
        services.conversations.context.countPieces(input.texts),
      ),
    },
    models: modelRoutes(services.models, services.downloads),
    drafts: draftRoutes(services.models),
    adapters: adapterRoutes(services),
    fit: fitRoutes(services.fit),
    hub: hubRoutes(services.hub),
    downloads: downloadRoutes(services.downloads),
    engine: {
      state: os.engine.state.handler(() => services.engine.state),
      restart: os.engine.restart.handler(() => services.engine.restart()),
    },
    metrics: metricsRoutes(services.store, services.memoryHistory),
    lab: labRoutes(services.lab),
    privacy: privacyRoutes(services),
    savedStates: savedStateRoutes(services.savedStates),
    settings: {
      get: os.settings.get.handler(() => services.settings.get()),
      update: os.settings.update.handler(({ input }) => services.settings.update(defined(input))),
    },
  });
}

function systemRoutes({ platform, bus, engine, conversations, appVersion, salvaged }: Services) {
  return {
    info: os.system.info.handler(() => ({
      appVersion,
      nodeVersion: process.versions.node,
      engineVersion: engine.state.engineVersion,
      host: platform.host,
      platform:
        process.platform in platformNames
          ? platformNames[process.platform as keyof typeof platformNames]
          : 'linux',
      capabilities: platform.capabilities,
      dataFolder: platform.paths.dataDirLabel,
      diskFullSince: conversations.diskFullSince(),
      salvaged,
    })),
    openExternal: os.system.openExternal.handler(async ({ input }) => {
      if (!platform.openExternal) throw appError('invalid_input');
      return { opened: await platform.openExternal(input.address) };
    }),
    saveText: os.system.saveText.handler(async ({ input }) => {
      if (!platform.saveText) throw appError('invalid_input');
      try {
        return { saved: await platform.saveText(basename(input.fileName), input.text) };
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        throw appError(code === 'ENOSPC' || code === 'EDQUOT' ? 'disk_full' : 'invalid_input', undefined, {
          cause: error,
        });
      }
    }),
    machine: os.system.machine.handler(() => readMachine(platform.paths.dataDir)),
    events: os.system.events.handler(({ lastEventId, signal }) => bus.subscribe({ lastEventId, signal })),
  };
}

function conversationRoutes({ conversations, showRequests }: Services) {
  return {
    list: os.conversations.list.handler(() => conversations.list()),
    get: os.conversations.get.handler(({ input }) => conversations.get(input.id, input.newest)),
    rename: os.conversations.rename.handler(({ input }) => conversations.rename(input.id, input.title)),
    remove: os.conversations.remove.handler(({ input }) => conversations.remove(input.id)),
    restore: os.conversations.restore.handler(({ input }) => conversations.restore(input.id)),
    send: os.conversations.send.handler(({ input }) => conversations.send(input)),
    answerAgain: os.conversations.answerAgain.handler(({ input }) =>
      conversations.answerAgain(input.requestId, input.messageId, input.leaveOut),
    ),
    stop: os.conversations.stop.handler(({ input }) => conversations.stop(input.messageId)),
    showBranch: os.conversations.showBranch.handler(({ input }) =>
      conversations.showBranch(input.conversationId, input.messageId),
    ),
    updateSettings: os.conversations.updateSettings.handler(({ input }) =>
      conversations.updateSettings(input.id, defined(input.settings)),
    ),
    takeRequested: os.conversations.takeRequested.handler(() => ({ conversationId: showRequests.take() })),
    saveDraft: os.conversations.saveDraft.handler(({ input }) =>
      conversations.saveDraft(input.id, input.draft),
    ),
    countTokens: os.conversations.countTokens.handler(({ input }) =>
      conversations.countTokens(input.id, input.draft),
    ),
  };
}

function treeRoutes({ tree, queue }: Conversations) {
  return {
    tree: {
      outline: os.tree.outline.handler(({ input }) => tree.outline(input.conversationId)),
      edits: os.tree.edits.handler(({ input }) => tree.edits(input.conversationId)),
      saveEdit: os.tree.saveEdit.handler(({ input }) => tree.saveEdit(input)),
      messages: os.tree.messages.handler(({ input }) => tree.messages(input.conversationId, input.ids)),
      editQuestion: os.tree.editQuestion.handler(({ input }) => tree.editQuestion(input)),
      saveVersion: os.tree.saveVersion.handler(({ input }) => tree.saveVersion(input)),
      continueAnswer: os.tree.continueAnswer.handler(({ input }) => tree.continueAnswer(input)),
      beginWith: os.tree.beginWith.handler(({ input }) => tree.beginWith(input)),
      replayChanges: os.tree.replayChanges.handler(({ input }) => tree.replayChanges(input.messageId)),
      runAgain: os.tree.runAgain.handler(({ input }) => tree.runAgain(input)),
      removeBranch: os.tree.removeBranch.handler(({ input }) => tree.removeBranch(input.messageId)),
      restoreBranch: os.tree.restoreBranch.handler(({ input }) => tree.restoreBranch(input)),
      fork: os.tree.fork.handler(({ input }) => tree.fork(input)),
    },
    queue: {
      add: os.queue.add.handler(({ input }) => queue.add(input)),
      update: os.queue.update.handler(({ input }) => queue.update(input)),
      remove: os.queue.remove.handler(({ input }) => queue.remove(input.id)),
      move: os.queue.move.handler(({ input }) => queue.move(input)),
      sendNext: os.queue.sendNext.handler(({ input }) =>
        queue.sendNext(input.conversationId, input.leaveOut),
      ),
    },
  };
}

function contextRoutes({ context, readAhead, presets }: Conversations) {
  return {
    context: {
      preview: os.context.preview.handler(({ input }) => context.preview(input)),
      sent: os.context.sent.handler(({ input }) => context.sent(input)),
      readAhead: os.context.readAhead.handler(({ input, signal }) =>
        readAhead.read(input, signal ?? new AbortController().signal),
      ),
      answerNow: os.context.answerNow.handler(({ input }) => context.answerNow(input.messageId)),
      pin: os.context.pin.handler(({ input }) => context.pin(input.messageId, input.pinned)),
    },
    presets: {
      list: os.presets.list.handler(() => presets.list()),
      create: os.presets.create.handler(({ input }) => presets.create(input)),
      update: os.presets.update.handler(({ input }) => presets.update(input.id, defined(input.patch))),
      duplicate: os.presets.duplicate.handler(({ input }) => presets.duplicate(input.id, input.name)),
      remove: os.presets.remove.handler(({ input }) => presets.remove(input.id)),
      restore: os.presets.restore.handler(({ input }) => presets.restore(input.id)),
      apply: os.presets.apply.handler(({ input }) => presets.apply(input.conversationId, input.presetId)),
      exportFile: os.presets.exportFile.handler(({ input }) => presets.exportFile(input.ids)),
      importFile: os.presets.importFile.handler(({ input }) => presets.importFile(input.text)),
    },
  };
}

function modelRoutes(models: Models, downloads: Downloads) {
  return {
    list: os.models.list.handler(() => models.list()),
    details: os.models.details.handler(({ input }) => models.details(input.id)),
    folders: os.models.folders.handler(() => models.folders()),
    files: os.models.files.handler(() => models.files()),
    pickFolder: os.models.pickFolder.handler(() => models.pickFolder()),
    removeFolder: os.models.removeFolder.handler(({ input }) => models.removeFolder(input.id)),
    otherApps: os.models.otherApps.handler(() => models.otherApps()),
    useOtherApps: os.models.useOtherApps.handler(({ input }) => models.useOtherApps(input.apps)),
    pickFiles: os.models.pickFiles.handler(() => models.pickFiles()),
    takeOpened: os.models.takeOpened.handler(() => models.takeOpened()),
    add: os.models.add.handler(({ input }) => models.add(input.fileId)),
    remove: os.models.remove.handler(({ input }) => models.remove(input.id)),
    deleteFiles: os.models.deleteFiles.handler(({ input }) => models.deleteFiles(input.id)),
    saveNotes: os.models.saveNotes.handler(({ input }) => models.saveNotes(input.id, input.notes)),
    provenance: os.models.provenance.handler(({ input }) => downloads.provenance(input.id)),
    verify: os.models.verify.handler(({ input }) => downloads.verify(input.id)),
    load: os.models.load.handler(({ input }) =>
      models.load(input.id, { retryAfterCrash: input.retryAfterCrash }),
    ),
    cancelLoad: os.models.cancelLoad.handler(() => models.cancelLoad()),
    unload: os.models.unload.handler(() => models.unload()),
    updateSettings: os.models.updateSettings.handler(({ input }) =>
      models.updateSettings(input.id, defined(input.settings)),
    ),
  };
}

function draftRoutes({ drafts }: Models) {
  return { candidates: os.drafts.candidates.handler(({ input }) => drafts.candidates(input.id)) };
}

function adapterRoutes({ models: { adapters }, hub }: Services) {
  return {
    list: os.adapters.list.handler(() => adapters.list()),
    forModel: os.adapters.forModel.handler(({ input }) => adapters.forModel(input.id)),
    attach: os.adapters.attach.handler(({ input }) =>
      adapters.attach(input.modelId, input.adapterId, input.scale),
    ),
    detach: os.adapters.detach.handler(({ input }) => adapters.detach(input.modelId, input.adapterId)),
    related: os.adapters.related.handler(({ input }) => relatedOf(input, { hub, library: adapters })),
  };
}

function fitRoutes(fit: FitService) {
  return {
    ofModel: os.fit.ofModel.handler(({ input: { id, ...choice } }) => fit.ofModel(id, choice)),
    ofHubFile: os.fit.ofHubFile.handler(({ input: { repo, revision, path, ...choice } }) =>
      fit.ofHubFile({ repo, revision, path }, choice),
    ),
    speed: os.fit.speed.handler(() => fit.speed()),
  };
}

function hubRoutes(hub: Hub) {
  return {
    catalogue: os.hub.catalogue.handler(() => hub.catalogue()),
    search: os.hub.search.handler(({ input, signal }) => hub.search(input, { signal })),
    model: os.hub.model.handler(({ input, signal }) =>
      hub.model(input.address, { signal, mayPassOffline: input.allowOnce }),
    ),
  };
}

function downloadRoutes(downloads: Downloads) {
  return {
    list: os.downloads.list.handler(() => downloads.list()),
    start: os.downloads.start.handler(({ input }) => downloads.start(input)),
    pause: os.downloads.pause.handler(({ input }) => downloads.pause(input.id)),
    resume: os.downloads.resume.handler(({ input }) => downloads.resume(input.id, input)),
    cancel: os.downloads.cancel.handler(({ input }) => downloads.cancel(input.id, input)),
    search: os.downloads.search.handler(({ input }) => downloads.search(input.id, input)),
    clear: os.downloads.clear.handler(({ input }) => downloads.clear(input.id)),
  };
}

function privacyRoutes({ privacy, platform }: Services) {
  const hubToken = createHubToken(platform.secrets);
  return {
    state: os.privacy.state.handler(() => privacy.state()),
    setOffline: os.privacy.setOffline.handler(({ input }) => privacy.setOffline(input.offline)),
    ledger: os.privacy.ledger.handler(({ input }) => privacy.ledger(input)),
    stored: os.privacy.stored.handler(() => storedItems(platform.paths)),
    hubToken: os.privacy.hubToken.handler(() => hubToken.state()),
    setHubToken: os.privacy.setHubToken.handler(({ input }) => hubToken.set(input.token)),
    removeHubToken: os.privacy.removeHubToken.handler(() => hubToken.remove()),
  };
}

/** The handler of every transport. Errors leave as codes of the contract, without stack or input. */
export function createHandler(services: Services) {
  const { log } = services.platform;
  return new RPCHandler(
    createRouter(services),
    typedEdge((error) => log('rpc.failed', { name: error instanceof Error ? error.name : typeof error })),
  );
}
