import { createContext } from 'svelte';
import type { AppClient, AppEvent } from '../../src-main/contract/index.ts';
import { detectShortcutHost, type ShortcutHost } from '../lib/shortcuts.ts';
import { AttachedFiles } from './attachments.svelte.ts';
import { BackupsStore } from './backups.svelte.ts';
import { ChatSearch } from './chat-search.svelte.ts';
import { Commands } from './commands.ts';
import type { ConnectionStore } from './connection.svelte.ts';
import { ContextCount } from './context-count.svelte.ts';
import { ConversationsStore, type NewChat } from './conversations.svelte.ts';
import { DownloadsStore } from './downloads.svelte.ts';
import { Drafts } from './drafts.svelte.ts';
import { EngineStore } from './engine.svelte.ts';
import { failureOf, type Failure } from './failure.ts';
import { FitsStore } from './fits.svelte.ts';
import { HelpStore } from './help.svelte.ts';
import { HistoryScreen } from './history-screen.svelte.ts';
import { HistoryStore } from './history.svelte.ts';
import { handleHostRequest, openFiles, openRequested } from './host-requests.ts';
import { HubStore } from './hub.svelte.ts';
import { InspectorState } from './inspector.svelte.ts';
import { LabStore } from './lab.svelte.ts';
import { LiveSpeed } from './live-speed.svelte.ts';
import { MetricsStore } from './metrics.svelte.ts';
import { ModelsStore } from './models.svelte.ts';
import { PaletteState } from './palette.svelte.ts';
import { PresetsStore } from './presets.svelte.ts';
import { PrivacyStore } from './privacy.svelte.ts';
import { Navigation } from './router.svelte.ts';
import { SettingsStore } from './settings.svelte.ts';

export type SystemInfo = Awaited<ReturnType<AppClient['system']['info']>>;

async function fetchInitial(client: AppClient) {
  const [info, engine, privacy, settings] = await Promise.all([
    client.system.info(),
    client.engine.state(),
    client.privacy.state(),
    client.settings.get(),
  ]);
  return { info, engine, privacy, settings };
}

/** Everything that the screens read and call. One per window. */
export class AppState {
  readonly client: AppClient;
  readonly connection: ConnectionStore;
  info: SystemInfo;
  readonly navigation: Navigation;
  readonly conversations: ConversationsStore;
  readonly history: HistoryStore;
  readonly search: ChatSearch;
  readonly models: ModelsStore;
  readonly hub: HubStore;
  readonly downloads: DownloadsStore;
  readonly fits: FitsStore;
  readonly engine: EngineStore;
  readonly metrics: MetricsStore;
  readonly lab: LabStore;
  readonly privacy: PrivacyStore;
  readonly settings: SettingsStore;
  readonly drafts: Drafts;
  readonly attached = new AttachedFiles();
  readonly backups = new BackupsStore();
  readonly presets: PresetsStore;
  /** Of the chat on screen. */
  readonly context: ContextCount;
  readonly liveSpeed = new LiveSpeed();
  readonly inspector = new InspectorState();
  readonly help = new HelpStore();
  readonly commands = new Commands();
  readonly historyScreen = new HistoryScreen();
  readonly palette = new PaletteState();
  readonly shortcutHost: ShortcutHost;
  /** Chosen for new chats; null: the default. */
  #newChatModelId = $state.raw<string | null>(null);
  /** The one new chat that is the guide's; later ones are not. */
  #guided = $state.raw<NewChat | null>(null);
  /** The Models screen is to show the files that can be added, as soon as it stands. */
  openFileWanted = $state(false);
  /** The field for the hub's token is to have the focus, as soon as it stands. */
  tokenFieldWanted = $state(false);
  /** Sidebar of a narrow window, which lies over the chat. */
  sidebarSheetOpen = $state(false);
  /** Since when saving fails for want of space, ms since 1970; null while it works. */
  diskFullSince: number | null;

  /** A step that failed and has no place of its own on the screen to say so. */
  problem = $state.raw<Failure | null>(null);

  private constructor(
    client: AppClient,
    connection: ConnectionStore,
    initial: Awaited<ReturnType<typeof fetchInitial>>,
  ) {
    this.client = client;
    this.connection = connection;
    this.info = $state.raw(initial.info);
    this.diskFullSince = $state.raw(initial.info.diskFullSince);
    this.shortcutHost = detectShortcutHost(initial.info.host === 'browser');
    this.navigation = new Navigation(history);
    this.drafts = new Drafts(client);
    this.conversations = new ConversationsStore(client, {
      onRemoved: (id) => {
        this.navigation.forgetChat(id);
        this.drafts.forget(id);
        this.attached.clear(id);
      },
      onChanged: (fresh, gone) => this.history.take(fresh, gone),
    });
    this.history = new HistoryStore(client);
    this.search = new ChatSearch(client);
    this.presets = new PresetsStore(client);
    this.context = new ContextCount(client);
    this.models = new ModelsStore(client);
    this.downloads = new DownloadsStore(client);
    this.hub = new HubStore(client, this.downloads);
    this.fits = new FitsStore(client);
    this.engine = new EngineStore(client, initial.engine);
    this.metrics = new MetricsStore(client);
    this.lab = new LabStore(client);
    this.privacy = new PrivacyStore(client, initial.privacy);
    this.settings = new SettingsStore(client, initial.settings);
  }

  /** Fetches what every screen needs; lists follow by themselves and have their own states. */
  static async create(client: AppClient, connection: ConnectionStore): Promise<AppState> {
    const app = new AppState(client, connection, await fetchInitial(client));
    void app.conversations.refresh();
    void app.history.refresh();
    void app.models.refresh();
    void app.downloads.refresh();
    // What the system opened the app with came before this page.
    app.attempt(Promise.all([openFiles(app), openRequested(app)]));
    return app;
  }

  /** The one place where events enter; every store takes what concerns it. */
  handle(event: AppEvent): void {
    if (event.type === 'store.changed') this.diskFullSince = event.diskFullSince;
    if (event.type === 'gap') void this.#refreshInfo();
    this.conversations.handle(event);
    this.history.handle(event);
    this.backups.handle(event);
    this.presets.handle(event);
    this.liveSpeed.handle(event);
    this.models.handle(event);
    this.hub.handle(event);
    this.downloads.handle(event);
    this.fits.handle(event);
    this.engine.handle(event);
    this.metrics.handle(event);
    this.lab.handle(event);
    this.privacy.handle(event);
    this.settings.handle(event);
    handleHostRequest(this, event);
  }

  /** Model that a chat would answer with; `conversationModelId` is the chat's own, if it has one. */
  modelIdFor(conversationId: string | null, conversationModelId: string | null): string | null {
    const { folderId } = this.conversations.fresh;
    const { guide, list } = this.models;
    const isAlone = guide !== null && list.length === 0;
    // Whatever was chosen for new chats is gone then.
    if (isAlone && conversationId === null) return guide.id;
    const chosen =
      conversationId === null
        ? (this.newChatModelId ?? this.history.defaultsOf(folderId).modelId)
        : conversationModelId;
    // The same rule as the core's: the guide answers while there is no other model.
    return chosen ?? (isAlone ? guide.id : this.settings.value.defaultModelId);
  }

  /** Model chosen for the next new chat, the guide for that one alone; null: the default. */
  get newChatModelId(): string | null {
    const isGuided = this.#guided !== null && this.#guided === this.conversations.fresh;
    return (isGuided ? this.models.guide?.id : undefined) ?? this.#newChatModelId;
  }

  set newChatModelId(id: string | null) {
    const isGuide = id !== null && id === this.models.guide?.id;
    // An object of its own ends with the chat: after the send another one stands there.
    if (isGuide) this.conversations.fresh = { ...this.conversations.fresh };
    else this.#newChatModelId = id;
    this.#guided = isGuide ? this.conversations.fresh : null;
  }

  /** Lets a step go on by itself; should it fail, the interface says so. */
  attempt(work: Promise<unknown>): void {
    this.problem = null;
    work.catch((error: unknown) => {
      const failure = failureOf(error);
      // A lost connection has its own notice, and what was cancelled was meant to end.
      if (failure.code !== 'connection_lost' && failure.code !== 'aborted') this.problem = failure;
    });
  }

  /** Opens an empty chat; without a word on where it begins, in the folder that is shown. */
  newChat(begin: Partial<NewChat> = {}): void {
    this.sidebarSheetOpen = false;
    this.conversations.fresh = { folderId: this.historyScreen.folderId, temporary: false, ...begin };
    this.navigation.openChat(null);
  }

  /** Opens an empty chat with the built-in guide. */
  askGuide(): void {
    const { guide } = this.models;
    if (guide === null) return;
    this.newChat({ folderId: null });
    this.newChatModelId = guide.id;
    // A model in memory, or on its way there, stays until the guide is really asked.
    if (this.engine.state.status === 'idle') this.attempt(this.models.load(guide.id));
  }

  /** Leads to where a model's context is set; undefined for the guide, whose is fixed. */
  contextStep(modelId: string | null): (() => void) | undefined {
    if (modelId !== null && modelId === this.models.guide?.id) return undefined;
    return () => this.navigation.openModels(modelId);
  }

  /** Opens Help at the topic of the screen that is shown. */
  async openHelp(): Promise<void> {
    if (this.navigation.screen === 'help') return;
    const { route } = this.navigation;
    this.help.query = '';
    this.navigation.openHelp(await this.help.topicOf(route));
  }

  /** Leads to the field for the token that models with terms of their own ask for. */
  openTokenField(): void {
    this.tokenFieldWanted = true;
    this.navigation.openSettings('privacy');
  }

  /** The connection is back: fetches what failed meanwhile. Missed events come by themselves, or a gap. */
  resume(): void {
    void this.drafts.flush();
    this.attempt(this.conversations.resume());
    if (this.models.failure !== null) void this.models.refresh();
    if (this.downloads.failure !== null) void this.downloads.refresh();
    if (this.models.filesFailure !== null) void this.models.refreshFiles();
  }

  dispose(): void {
    this.conversations.dispose();
  }

  async #refreshInfo(): Promise<void> {
    this.info = await this.client.system.info();
    this.diskFullSince = this.info.diskFullSince;
  }
}

export const [getApp, setApp] = createContext<AppState>();
