import {
  DEFAULT_SAMPLING,
  type AppClient,
  type ConversationSettings,
  type Preset,
  type Sampling,
} from '../../src-main/contract/index.ts';
import type { AppState } from './app.svelte.ts';
import type { ConversationView } from './conversation-view.svelte.ts';

/** Settings of a chat that is still to be begun; what is missing is the default. */
export type NewChatSettings = Partial<Omit<ConversationSettings, 'modelId'>>;

const NONE: NewChatSettings = {};

/** How the chat on screen answers: read and changed the same way whether it is begun or not. */
export class ChatSettings {
  readonly #app: AppState;
  readonly #view: () => ConversationView | null;
  /** Changes on their way: the next one must not undo them. */
  #underWay = $state.raw<readonly NewChatSettings[]>([]);

  constructor(app: AppState, view: () => ConversationView | null) {
    this.#app = app;
    this.#view = view;
  }

  get #stored(): ConversationSettings | null {
    const stored = this.#view()?.conversation?.settings;
    return stored ? Object.assign({}, stored, ...this.#underWay) : null;
  }

  get #fresh(): NewChatSettings {
    return this.#view() === null ? this.#app.inspector.newChat : NONE;
  }

  /** False while the chat is being fetched. */
  get ready(): boolean {
    return this.#view() === null || this.#stored !== null;
  }

  get modelId(): string | null {
    const view = this.#view();
    return this.#app.modelIdFor(view?.id ?? null, this.#stored?.modelId ?? null);
  }

  /** The system prompt that a new chat begins with here: the folder's, else that of Settings. */
  get defaultPrompt(): string {
    const view = this.#view();
    const folderId = view === null ? this.#app.conversations.fresh.folderId : view.conversation?.folderId;
    const ofFolder = this.#app.history.defaultsOf(folderId ?? null).systemPrompt;
    return ofFolder ?? this.#app.settings.value.defaultSystemPrompt;
  }

  get systemPrompt(): string {
    return this.#stored?.systemPrompt ?? this.#fresh.systemPrompt ?? this.defaultPrompt;
  }

  /** null: as the model has it. */
  get ownSampling(): Sampling | null {
    return this.#stored ? this.#stored.sampling : (this.#fresh.sampling ?? null);
  }

  /** What is used where the chat has none of its own. */
  get defaultSampling(): Sampling {
    return this.#app.models.byId(this.modelId)?.settings.sampling ?? DEFAULT_SAMPLING;
  }

  get sampling(): Sampling {
    return this.ownSampling ?? this.defaultSampling;
  }

  get reasoning(): ConversationSettings['reasoning'] {
    return this.#stored ? this.#stored.reasoning : (this.#fresh.reasoning ?? null);
  }

  get preset(): Preset | undefined {
    const id = this.#stored ? this.#stored.presetId : (this.#fresh.presetId ?? null);
    return this.#app.presets.byId(id);
  }

  /** The chat no longer has what its preset says. */
  get edited(): boolean {
    const preset = this.preset;
    if (preset === undefined) return this.ownSampling !== null;
    if (!sameValues(preset.sampling, this.ownSampling)) return true;
    if (!sameValues(preset.reasoning, this.reasoning)) return true;
    return preset.builtIn === null && preset.systemPrompt !== this.systemPrompt;
  }

  /** What a preset made from this chat holds. */
  values(withModel: boolean) {
    return {
      systemPrompt: this.systemPrompt,
      sampling: this.ownSampling ?? this.defaultSampling,
      reasoning: this.reasoning,
      modelId: withModel ? this.modelId : null,
    };
  }

  async update(patch: NewChatSettings): Promise<void> {
    const view = this.#view();
    if (view === null) {
      this.#app.inspector.newChat = { ...this.#app.inspector.newChat, ...patch };
      return;
    }
    this.#underWay = [...this.#underWay, patch];
    try {
      await this.#client.conversations.updateSettings({ id: view.id, settings: patch });
      await view.refresh();
    } finally {
      this.#underWay = this.#underWay.filter((other) => other !== patch);
    }
  }

  async apply(preset: Preset): Promise<void> {
    const view = this.#view();
    if (view !== null) {
      await this.#client.presets.apply({ conversationId: view.id, presetId: preset.id });
      await view.refresh();
      return;
    }
    const { sampling, reasoning, systemPrompt, modelId } = preset;
    const prompt = preset.builtIn === null ? { systemPrompt } : {};
    await this.update({ presetId: preset.id, sampling, reasoning, ...prompt });
    if (modelId !== null && this.#app.models.byId(modelId)) this.#app.newChatModelId = modelId;
  }

  /** Back to what the preset says, or to the standard. */
  async reset(): Promise<void> {
    const preset = this.preset;
    if (preset !== undefined && this.edited) await this.apply(preset);
    else await this.update({ sampling: null, reasoning: null, presetId: null });
  }

  get #client(): AppClient {
    return this.#app.client;
  }
}

function sameValues(a: object | null, b: object | null): boolean {
  if (a === null || b === null) return a === b;
  const other = new Map(Object.entries(b));
  return Object.entries(a).every(([key, value]) => other.get(key) === value);
}
