import { SvelteMap } from 'svelte/reactivity';
import type { AppClient, AppEvent, Fit } from '../../src-main/contract/index.ts';
import type { HubFileTarget } from './downloads.svelte.ts';
import { failureOf, type Failure } from './failure.ts';

/** A slider that is dragged asks once it rests this long. */
const REST_MS = 120;
/** Headers that are read at a time: more would only queue up at the one connection. */
const AT_A_TIME = 2;
/** Context that memory is shown for until another is chosen: long enough for most chats. */
const DEFAULT_CONTEXT = 8_192;

export type FitTarget = { readonly modelId: string } | HubFileTarget;

export interface FitOptions {
  /** null: what the app would choose. */
  readonly contextSize: number | null;
  readonly gpuLayers: number | null;
}

export interface FitEntry {
  /** The last one known, also while it is worked out anew. */
  readonly fit: Fit | null;
  readonly failure: Failure | null;
  readonly loading: boolean;
}

export type MachineSpeed = Awaited<ReturnType<AppClient['fit']['speed']>>;

const NOTHING: FitEntry = { fit: null, failure: null, loading: false };

interface Wish {
  readonly key: string;
  readonly target: FitTarget;
  readonly options: FitOptions;
  readonly version: number;
}

function targetKey(target: FitTarget): string {
  return 'modelId' in target ? target.modelId : `${target.repo}/${target.revision}/${target.path}`;
}

function keyOf(target: FitTarget, { contextSize, gpuLayers }: FitOptions): string {
  return `${targetKey(target)} ${contextSize ?? 'auto'} ${gpuLayers ?? 'auto'}`;
}

/** How models would sit in this computer's memory: asked once for each file, context and offload. */
export class FitsStore {
  /** Chosen once for all models, so that they can be compared. */
  contextSize = $state(DEFAULT_CONTEXT);
  /** null until it was asked for. */
  speed = $state.raw<MachineSpeed | null>(null);
  /** Goes up when what was predicted no longer holds: an effect that wants a fit runs again. */
  version = $state(0);
  readonly #client: AppClient;
  readonly #entries = new SvelteMap<string, FitEntry>();
  /** Version that each entry was worked out for. Not reactive: only effects that want one write it. */
  readonly #versions = new Map<string, number>();
  /** Keys whose header could not be read over the network: not asked again before somebody opens them anew. */
  readonly #refused = new Set<string>();
  /** By place, so that a place that changes its mind leaves no work behind. */
  readonly #queue = new Map<string, Wish>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running = 0;

  constructor(client: AppClient) {
    this.#client = client;
  }

  handle(event: AppEvent): void {
    if (event.type !== 'fit.changed' && event.type !== 'gap') return;
    this.version += 1;
    if (this.speed !== null) void this.refreshSpeed();
  }

  /** Whether this computer's speed is known. */
  async refreshSpeed(): Promise<void> {
    try {
      this.speed = await this.#client.fit.speed();
    } catch {
      // Speeds are left out then; nothing else depends on it.
    }
  }

  /** What is known of a fit; to be asked for with {@link want}. */
  of(target: FitTarget, options: FitOptions): FitEntry {
    return this.#entries.get(keyOf(target, options)) ?? NOTHING;
  }

  /**
   * Asks for a fit unless it is known or under way. For an effect: it runs again when what was predicted changed.
   * @param place what of one place on the screen is wanted last, is worked out; the target itself by default
   */
  want(target: FitTarget, options: FitOptions, place: string = targetKey(target)): void {
    const { version } = this;
    const key = keyOf(target, options);
    if (this.#refused.has(targetKey(target)) && this.#entries.get(key)?.failure) {
      this.#queue.delete(place);
      return;
    }
    if (this.#versions.get(key) === version) {
      this.#queue.delete(place);
      return;
    }
    this.#queue.set(place, { key, target, options, version });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#pump(), REST_MS);
  }

  /** A screen shows it anew: what failed is tried again, as a token may be set, or Offline off by now. */
  open(target: FitTarget): void {
    this.#refused.delete(targetKey(target));
  }

  /** Asks again after a failure. */
  retry(target: FitTarget, options: FitOptions): void {
    this.open(target);
    this.#versions.delete(keyOf(target, options));
    this.want(target, options);
  }

  /** Forgets what was wanted and has not begun, for a screen that closes. */
  dropWaiting(): void {
    this.#queue.clear();
  }

  #pump(): void {
    for (const [place, wish] of this.#queue) {
      if (this.#running >= AT_A_TIME) return;
      this.#queue.delete(place);
      if (this.#versions.get(wish.key) !== wish.version) void this.#workOut(wish);
    }
  }

  async #workOut({ key, target, options, version }: Wish): Promise<void> {
    this.#running += 1;
    this.#versions.set(key, version);
    const before = this.#entries.get(key)?.fit ?? null;
    this.#entries.set(key, { fit: before, failure: null, loading: true });
    let entry: FitEntry;
    try {
      entry = { fit: await this.#ask(target, options), failure: null, loading: false };
    } catch (error) {
      entry = { fit: before, failure: failureOf(error), loading: false };
    }
    this.#running -= 1;
    // An answer that came after one for newer figures would turn them back.
    if (this.#versions.get(key) === version) {
      this.#entries.set(key, entry);
      if (entry.failure !== null) this.#versions.delete(key);
      // An event that changes predictions must not ask the hub again and again for what it refused.
      if (entry.failure !== null && !('modelId' in target)) this.#refused.add(targetKey(target));
    }
    this.#pump();
  }

  #ask(target: FitTarget, options: FitOptions): Promise<Fit> {
    if ('modelId' in target) return this.#client.fit.ofModel({ id: target.modelId, ...options });
    const { repo, revision, path } = target;
    return this.#client.fit.ofHubFile({ repo, revision, path, ...options });
  }
}
