import type {
  Adapter,
  AdapterChoice,
  AppClient,
  AppEvent,
  DraftCandidate,
  Model,
  ModelDetails,
  ModelFile,
  ModelFolder,
  ModelSettings,
} from '../../src-main/contract/index.ts';
import { failureOf, type Failure } from './failure.ts';
import { createRefresher } from './refresher.ts';

/** The model library, and the files that could be added to it. */
export class ModelsStore {
  /** Without the guide. */
  list = $state.raw<readonly Model[]>([]);
  /** The model that comes with the app; null where it is missing. */
  guide = $state.raw<Model | null>(null);
  /** LoRA files, which change a model. */
  adapters = $state.raw<readonly Adapter[]>([]);
  status = $state<'loading' | 'ready' | 'failed'>('loading');
  failure = $state.raw<Failure | null>(null);
  folders = $state.raw<readonly ModelFolder[]>([]);
  files = $state.raw<readonly ModelFile[]>([]);
  filesStatus = $state<'idle' | 'loading' | 'ready' | 'failed'>('idle');
  filesFailure = $state.raw<Failure | null>(null);
  /** The last load asked for here that failed; null after one that worked or was cancelled. */
  loadFailure = $state.raw<{ readonly modelId: string; readonly failure: Failure } | null>(null);
  readonly #client: AppClient;

  constructor(client: AppClient) {
    this.#client = client;
  }

  readonly refresh = createRefresher(async () => {
    try {
      const [models, adapters] = await Promise.all([
        this.#client.models.list(),
        this.#client.adapters.list(),
      ]);
      this.list = models.filter(({ builtIn }) => !builtIn);
      this.guide = models.find(({ builtIn }) => builtIn) ?? null;
      this.adapters = adapters;
      this.status = 'ready';
      this.failure = null;
    } catch (error) {
      this.failure = failureOf(error);
      if (this.status !== 'ready') this.status = 'failed';
    }
  });

  /** Looks for GGUF files in the allowed folders; slow on large folders, so only when a screen shows them. */
  readonly refreshFiles = createRefresher(async () => {
    if (this.filesStatus !== 'ready') this.filesStatus = 'loading';
    try {
      const [folders, files] = await Promise.all([
        this.#client.models.folders(),
        this.#client.models.files(),
      ]);
      this.folders = folders;
      this.files = files;
      this.filesStatus = 'ready';
      this.filesFailure = null;
    } catch (error) {
      this.filesFailure = failureOf(error);
      this.filesStatus = 'failed';
    }
  });

  handle(event: AppEvent): void {
    if (event.type !== 'models.changed' && event.type !== 'gap') return;
    void this.refresh();
    if (this.filesStatus !== 'idle') void this.refreshFiles();
  }

  byId(id: string | null): Model | undefined {
    if (id === null) return undefined;
    return id === this.guide?.id ? this.guide : this.list.find((model) => model.id === id);
  }

  adapterById(id: string | null): Adapter | undefined {
    return id === null ? undefined : this.adapters.find((adapter) => adapter.id === id);
  }

  /** How each adapter goes with a model; reads its header. */
  choicesFor(id: string): Promise<readonly AdapterChoice[]> {
    return this.#client.adapters.forModel({ id });
  }

  /** Which other models can guess for one; reads their headers. */
  draftsFor(id: string): Promise<readonly DraftCandidate[]> {
    return this.#client.drafts.candidates({ id });
  }

  /** Attaches an adapter, or changes how strong it is. @throws adapter_mismatch, model_file_missing */
  async attach(modelId: string, adapterId: string, scale: number): Promise<void> {
    await this.#client.adapters.attach({ modelId, adapterId, scale });
    await this.refresh();
  }

  async detach(modelId: string, adapterId: string): Promise<void> {
    await this.#client.adapters.detach({ modelId, adapterId });
    await this.refresh();
  }

  /** Reads a file's header and puts it into the library. Throws the contract's model errors. */
  async add(fileId: string): Promise<Model> {
    const model = await this.#client.models.add({ fileId });
    await this.refresh();
    return model;
  }

  /** Opens the host's file dialog; needs the capability `canPickFile`. */
  pickFiles(): Promise<readonly ModelFile[]> {
    return this.#client.models.pickFiles();
  }

  async saveNotes(id: string, notes: string): Promise<void> {
    await this.#client.models.saveNotes({ id, notes });
    await this.refresh();
  }

  /** Moves the files to the system's trash, or deletes them where there is none. */
  async deleteFiles(id: string): Promise<void> {
    await this.#client.models.deleteFiles({ id });
    await this.refresh();
  }

  /** Opens the host's folder dialog; needs `canPickFile`. Its models come onto the list. */
  async pickFolder(): Promise<void> {
    if ((await this.#client.models.pickFolder()) !== null) await this.refreshFiles();
  }

  /** Takes a folder off that the user let in, and its models off the list. */
  async removeFolder(id: string): Promise<void> {
    await this.#client.models.removeFolder({ id });
    await this.refreshFiles();
  }

  details(id: string): Promise<ModelDetails> {
    return this.#client.models.details({ id });
  }

  async remove(id: string): Promise<void> {
    await this.#client.models.remove({ id });
    await this.refresh();
  }

  /**
   * Loads a model; ends when it is ready. Never throws: a failure is in `loadFailure`.
   * `retryAfterCrash` is the user's word after a crash.
   */
  async load(id: string, options: { retryAfterCrash?: boolean } = {}): Promise<void> {
    this.loadFailure = null;
    try {
      await this.#client.models.load({ id, retryAfterCrash: options.retryAfterCrash === true });
    } catch (error) {
      const failure = failureOf(error);
      if (failure.code !== 'aborted') this.loadFailure = { modelId: id, failure };
    }
  }

  async cancelLoad(): Promise<void> {
    await this.#client.models.cancelLoad();
  }

  async unload(): Promise<void> {
    await this.#client.models.unload();
  }

  async updateSettings(id: string, settings: Partial<ModelSettings>): Promise<void> {
    await this.#client.models.updateSettings({ id, settings });
    await this.refresh();
  }
}
