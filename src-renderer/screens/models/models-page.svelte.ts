import type { Model, ModelDetails, ModelFile, ModelSettings } from '../../../src-main/contract/index.ts';
import { toasts } from '../../components/toasts.svelte.ts';
import type { AppState } from '../../state/app.svelte.ts';
import { failureOf, type Failure } from '../../state/failure.ts';
import { adaptersTexts } from '../../texts/adapters.ts';
import { modelsTexts as texts } from '../../texts/models.ts';
import type { ModelAction } from './actions.ts';
import { OWN_CHOICE } from './figures.ts';
import { isModelFailure, type ModelStep } from './failures.ts';
import {
  filterModels,
  matchDropped,
  narrowModels,
  sortModels,
  type DroppedFile,
  type ModelSort,
} from './list.ts';

interface HeaderState {
  modelId: string;
  details: ModelDetails | null;
  failure: Failure | null;
}

export type ModelsTab = 'library' | 'find' | 'adapters';

/** What the Models screen shows beyond the stores: filter, selection, the add panel and failed steps. */
export class ModelsPage {
  query = $state('');
  sort = $state<ModelSort>('lastUsed');
  /** As it is shown; null for any. */
  licence = $state<string | null>(null);
  /** Only models that fit as a whole. */
  fitsOnly = $state(false);
  addOpen = $state(false);
  /** File that is being added. */
  addingId = $state<string | null>(null);
  addFailed = $state.raw<{ file: ModelFile; failure: Failure } | null>(null);
  /** Names of dropped files that lie in no allowed folder. */
  unmatched = $state.raw<readonly string[]>([]);
  /** Model whose load was asked for here and has not ended. */
  pendingId = $state<string | null>(null);
  /** Said to assistive technology. */
  announcement = $state('');
  #header = $state.raw<HeaderState | null>(null);
  /** Why the last step with a model failed. */
  #failures = $state.raw<Readonly<Record<string, Failure>>>({});
  readonly #app: AppState;

  readonly isFiltered = $derived(this.query.trim() !== '' || this.licence !== null || this.fitsOnly);
  readonly shown = $derived.by(() => {
    const fits = this.fitsOnly ? (model: Model) => this.#fits(model) : null;
    const narrowed = narrowModels(this.#app.models.list, { licence: this.licence, fits });
    return sortModels(filterModels(narrowed, this.query), this.sort);
  });
  readonly selected = $derived.by(() => {
    const { route } = this.#app.navigation;
    // Not the guide: nothing of it can be set.
    return route.screen === 'models'
      ? this.#app.models.list.find(({ id }) => id === route.modelId)
      : undefined;
  });
  /** Page of the hub that is open beside the list. */
  readonly address = $derived.by(() => {
    const { route } = this.#app.navigation;
    return route.screen === 'models' ? (route.address ?? null) : null;
  });
  readonly tab = $derived.by((): ModelsTab => {
    const { route } = this.#app.navigation;
    return route.screen === 'models' ? (route.tab ?? 'library') : 'library';
  });
  readonly details = $derived.by(() => this.#headerOfSelected()?.details ?? null);
  readonly detailsFailure = $derived.by(() => this.#headerOfSelected()?.failure ?? null);
  readonly failure = $derived.by(() => (this.selected ? this.#failureOf(this.selected) : null));

  constructor(app: AppState) {
    this.#app = app;
  }

  /** Shows a model's details; a step back leads out of them, not through every model looked at. */
  select(modelId: string | null): void {
    const { navigation } = this.#app;
    const wasOpen = navigation.route.screen === 'models' && navigation.route.modelId !== null;
    navigation.go({ screen: 'models', modelId }, { replace: wasOpen });
  }

  /** Shows the whole list again. */
  clearFilters(): void {
    this.query = '';
    this.licence = null;
    this.fitsOnly = false;
  }

  showTab(tab: ModelsTab): void {
    if (tab === 'find') this.#app.navigation.openHub();
    else if (tab === 'adapters') this.#app.navigation.openAdapters();
    else this.#app.navigation.openModels();
  }

  /** Shows a page of the hub and reads it: the user asked for it. */
  openAddress(address: string): void {
    this.#app.navigation.openHub(address, { replace: this.address !== null });
    void this.#app.hub.open(address);
  }

  /** Closes what is open beside the list, on whichever tab. */
  closePanel(): void {
    if (this.tab === 'find') this.#app.navigation.openHub(null, { replace: true });
    else this.select(null);
  }

  /** Reads the header of the selected model. */
  async readHeader(modelId: string): Promise<void> {
    if (this.#header?.modelId !== modelId) this.#header = null;
    const header: HeaderState = { modelId, details: null, failure: null };
    try {
      header.details = await this.#app.models.details(modelId);
    } catch (error) {
      header.failure = failureOf(error);
    }
    // The derived values end with the screen, which may be gone by now: the route stays.
    if (this.#routeIs(modelId)) this.#header = header;
  }

  /** Ends when the action has ended; a failure is shown with the model. */
  async act(action: ModelAction, model: Model): Promise<void> {
    if (action === 'details') this.select(model.id);
    else if (action === 'chat') await this.#chat(model);
    else if (action === 'load') await this.#load(model, false);
    else if (action === 'remove') await this.#remove(model);
    else if (action === 'unload') await this.#try(model, () => this.#app.models.unload());
    else await this.#try(model, () => this.#app.models.cancelLoad());
  }

  /** Carries out a step that a message card offers. */
  step(step: ModelStep, model: Model): void {
    const { navigation } = this.#app;
    if (step === 'open_engine_settings') navigation.openSettings('engine');
    else if (step === 'open_folder_settings') navigation.openSettings('models');
    else if (step === 'restart_engine') void this.#try(model, () => this.#app.engine.restart());
    else if (step === 'remove') void this.#remove(model);
    else if (step === 'load_anyway') void this.#load(model, true);
    else if (!model.available) void this.#try(model, () => this.#app.models.refresh());
    else void this.#load(model, false);
  }

  async updateSettings(model: Model, settings: Partial<ModelSettings>): Promise<void> {
    await this.#try(model, () => this.#app.models.updateSettings(model.id, settings));
  }

  /** Opens the host's dialog where there is one, else the files of the allowed folders. */
  openGguf(): void {
    this.addFailed = null;
    this.unmatched = [];
    if (!this.#app.info.capabilities.canPickFile) {
      this.addOpen = true;
      void this.#app.models.refreshFiles();
      return;
    }
    this.#app.attempt(this.#app.models.pickFiles().then((files) => this.#addAll(files)));
  }

  async add(file: ModelFile): Promise<Model | null> {
    this.addingId = file.fileId;
    this.addFailed = null;
    try {
      const model = await this.#app.models.add(file.fileId);
      this.announcement =
        model.kind === 'adapter' ? adaptersTexts.settings.added(model.name) : texts.added(model.name);
      // Its files know by now which of them are on the list.
      if (this.#app.models.filesStatus === 'ready') void this.#app.models.refreshFiles();
      return model;
    } catch (error) {
      this.addFailed = { file, failure: failureOf(error) };
      return null;
    } finally {
      this.addingId = null;
    }
  }

  /** Finds dropped files by name and size, as a browser gives no path, and adds those that are allowed. */
  async drop(dropped: readonly DroppedFile[]): Promise<void> {
    if (dropped.length === 0) return;
    this.addFailed = null;
    await this.#app.models.refreshFiles();
    const { matched, unmatched } = matchDropped(dropped, this.#app.models.files);
    this.unmatched = unmatched;
    await this.#addAll(matched);
  }

  async #addAll(files: readonly ModelFile[]): Promise<void> {
    let last: string | null = null;
    for (const file of files) {
      last = file.modelId ?? (await this.add(file))?.id ?? last;
    }
    if (last === null || this.addOpen) return;
    if (this.#app.models.adapterById(last) !== undefined) this.#app.navigation.openAdapters();
    else this.select(last);
  }

  async #chat(model: Model): Promise<void> {
    const { settings } = this.#app;
    // Who has chosen a model here needs no first-run screen; without this it would come instead of the chat.
    if (!settings.value.firstRunDone) {
      const saved = await this.#try(model, () => settings.update({ firstRunDone: true }));
      if (!saved) return;
    }
    this.#app.newChatModelId = model.id;
    this.#app.newChat();
  }

  async #load(model: Model, retryAfterCrash: boolean): Promise<void> {
    const { models } = this.#app;
    this.#setFailure(model.id, null);
    this.pendingId = model.id;
    try {
      await models.load(model.id, { retryAfterCrash });
    } finally {
      if (this.pendingId === model.id) this.pendingId = null;
    }
    if (models.loadFailure?.modelId === model.id) this.select(model.id);
  }

  async #remove(model: Model): Promise<void> {
    const { models } = this.#app;
    // The way back needs the file's id, which only the list of files has.
    await models.refreshFiles();
    const file = models.files.find((candidate) => candidate.modelId === model.id);
    const removed = await this.#try(model, () => models.remove(model.id));
    if (!removed) return;
    if (this.#routeIs(model.id)) this.select(null);
    this.announcement = texts.removed(model.name);
    if (file === undefined) return;
    toasts.show({
      text: texts.removed(model.name),
      actionLabel: texts.undo,
      // The file alone is named: the app knows what it was.
      onaction: () => void this.add(file),
    });
  }

  /** Runs a step and keeps why it failed. A step that the user stopped is no failure. */
  async #try(model: Model, step: () => Promise<void>): Promise<boolean> {
    this.#setFailure(model.id, null);
    try {
      await step();
      return true;
    } catch (error) {
      const failure = failureOf(error);
      // A lost connection has its own notice.
      if (failure.code === 'aborted' || failure.code === 'connection_lost') return false;
      this.#setFailure(model.id, failure);
      this.select(model.id);
      return false;
    }
  }

  #setFailure(modelId: string, failure: Failure | null): void {
    const others = Object.entries(this.#failures).filter(([id]) => id !== modelId);
    this.#failures = Object.fromEntries(failure === null ? others : [...others, [modelId, failure]]);
  }

  #failureOf(model: Model): Failure | null {
    const own = this.#failures[model.id];
    if (own) return own;
    const { loadFailure } = this.#app.models;
    if (loadFailure?.modelId === model.id) return loadFailure.failure;
    if (!model.available) return { code: 'model_file_missing', details: {}, retryable: true };
    const { error, modelId } = this.#app.engine.state;
    if (error !== null && modelId === model.id && isModelFailure(error.code))
      return { code: error.code, details: error.data, retryable: true };
    return model.lastLoadCrashed ? { code: 'model_load_crashed', details: {}, retryable: true } : null;
  }

  #fits(model: Model): boolean | null {
    const { fit } = this.#app.fits.of({ modelId: model.id }, OWN_CHOICE);
    return fit === null ? null : fit.verdict === 'fits' || fit.verdict === 'tight';
  }

  #headerOfSelected(): HeaderState | null {
    return this.selected !== undefined && this.#header?.modelId === this.selected.id ? this.#header : null;
  }

  #routeIs(modelId: string): boolean {
    const { route } = this.#app.navigation;
    return route.screen === 'models' && route.modelId === modelId;
  }
}
