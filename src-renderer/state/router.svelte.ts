import * as v from 'valibot';

export const settingsSections = [
  'general',
  'appearance',
  'engine',
  'models',
  'chats',
  'shortcuts',
  'privacy',
  'about',
] as const;
export type SettingsSection = (typeof settingsSections)[number];

const Route = v.variant('screen', [
  /** null: a new chat that is not saved yet. */
  v.object({ screen: v.literal('chat'), conversationId: v.nullable(v.string()) }),
  /** With a model: its details are open. With an address: a page of the hub is. */
  v.object({
    screen: v.literal('models'),
    modelId: v.nullable(v.string()),
    tab: v.optional(v.picklist(['find', 'adapters'])),
    address: v.optional(v.string()),
  }),
  v.object({ screen: v.literal('performance') }),
  /** null: the list of topics. */
  v.object({ screen: v.literal('help'), topicId: v.nullable(v.string()) }),
  v.object({ screen: v.literal('settings'), section: v.picklist(settingsSections) }),
]);
export type Route = v.InferOutput<typeof Route>;
export type Screen = Route['screen'];

const START: Route = { screen: 'chat', conversationId: null };

function sameRoute(a: Route, b: Route): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/**
 * Where the user is. Kept in `history.state`, never in the address: the address's fragment carries the
 * token in serve mode, and chat ids have no business in a browser's history.
 */
export class Navigation {
  #route = $state.raw<Route>(START);
  /** Section that Settings opens with from the rail. */
  #lastSection: SettingsSection = 'general';
  #lastConversationId: string | null = null;
  /** Tab that Models opens with from the rail. */
  #lastTab: 'find' | 'adapters' | undefined;
  #lastTopicId: string | null = null;
  readonly #history: History;

  constructor(history: History) {
    this.#history = history;
    this.#enter(Navigation.#read(history.state));
  }

  get route(): Route {
    return this.#route;
  }

  get screen(): Screen {
    return this.#route.screen;
  }

  /** The chat on screen; null on other screens and for a new one. */
  get conversationId(): string | null {
    return this.#route.screen === 'chat' ? this.#route.conversationId : null;
  }

  /** Follows the browser's back and forward; returns the dispose. */
  listen(target: Window): () => void {
    const onPopState = (event: PopStateEvent) => this.#enter(Navigation.#read(event.state));
    target.addEventListener('popstate', onPopState);
    return () => target.removeEventListener('popstate', onPopState);
  }

  /** Goes to a place; `replace` leaves no step back, for places that have ceased to exist. */
  go(route: Route, options: { replace?: boolean } = {}): void {
    if (sameRoute(route, this.#route)) return;
    if (options.replace === true) this.#history.replaceState({ route }, '');
    else this.#history.pushState({ route }, '');
    this.#enter(route);
  }

  /** Opens a screen where the user left it. */
  goScreen(screen: Screen): void {
    if (screen === 'chat') this.openChat(this.#lastConversationId);
    else if (screen === 'models') this.#openLastTab();
    else if (screen === 'performance') this.go({ screen });
    else if (screen === 'help') this.openHelp(this.#lastTopicId);
    else this.openSettings(this.#lastSection);
  }

  openChat(conversationId: string | null, options: { replace?: boolean } = {}): void {
    this.go({ screen: 'chat', conversationId }, options);
  }

  openModels(modelId: string | null = null): void {
    this.go({ screen: 'models', modelId });
  }

  openAdapters(): void {
    this.go({ screen: 'models', modelId: null, tab: 'adapters' });
  }

  /** Shows where models are looked for; with an address, its page beside it. */
  openHub(address: string | null = null, options: { replace?: boolean } = {}): void {
    this.go(
      { screen: 'models', modelId: null, tab: 'find', ...(address === null ? {} : { address }) },
      options,
    );
  }

  openHelp(topicId: string | null): void {
    this.go({ screen: 'help', topicId });
  }

  openSettings(section: SettingsSection = 'general'): void {
    this.go({ screen: 'settings', section });
  }

  /** Leaves a chat that is gone. */
  forgetChat(conversationId: string): void {
    if (this.#lastConversationId === conversationId) this.#lastConversationId = null;
    if (this.conversationId === conversationId) this.openChat(null, { replace: true });
  }

  #openLastTab(): void {
    if (this.#lastTab === 'find') this.openHub();
    else if (this.#lastTab === 'adapters') this.openAdapters();
    else this.openModels();
  }

  #enter(route: Route): void {
    this.#route = route;
    if (route.screen === 'models') this.#lastTab = route.tab;
    if (route.screen === 'help') this.#lastTopicId = route.topicId;
    if (route.screen === 'settings') this.#lastSection = route.section;
    if (route.screen === 'chat') this.#lastConversationId = route.conversationId;
  }

  static #read(state: unknown): Route {
    const stored = v.safeParse(v.object({ route: Route }), state);
    return stored.success ? stored.output.route : START;
  }
}
