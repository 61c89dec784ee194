import type { AppError, EngineState, ErrorData } from '../contract/index.ts';

export type EngineErrorState = NonNullable<EngineState['error']>;
export type EngineMemory = NonNullable<EngineState['memory']>;

/** Everything that can change the state of the engine. */
export type EngineEvent =
  | { type: 'starting' }
  | {
      type: 'started';
      backend: string;
      deviceNames: string[];
      engineVersion: string;
      notice: EngineState['notice'];
    }
  | { type: 'start_failed'; error: EngineErrorState }
  | { type: 'loading'; modelId: string }
  | { type: 'load_progress'; progress: number; etaMs: number | null }
  | { type: 'load_step'; step: NonNullable<EngineState['loadStep']> }
  | {
      type: 'loaded';
      contextSize: number;
      gpuLayers: number;
      liveChats: number;
      tuning: NonNullable<EngineState['tuning']>;
      reasoning: NonNullable<EngineState['reasoning']>;
    }
  /** `error` is null when the load was cancelled. */
  | { type: 'load_failed'; error: EngineErrorState | null }
  | { type: 'unloaded' }
  | { type: 'generation_started' }
  | { type: 'generation_ended'; error: EngineErrorState | null }
  | { type: 'queued'; count: number }
  | { type: 'memory'; memory: EngineMemory }
  | { type: 'crashed' }
  /** The restart budget is used up. */
  | { type: 'gave_up' }
  | { type: 'stopped' };

export const INITIAL_STATE: EngineState = {
  status: 'stopped',
  backend: null,
  deviceNames: [],
  modelId: null,
  loadProgress: null,
  loadEtaMs: null,
  loadStep: null,
  contextSize: null,
  gpuLayers: null,
  tuning: null,
  liveChats: null,
  reasoning: null,
  error: null,
  notice: null,
  runningGenerations: 0,
  queuedGenerations: 0,
  memory: null,
  engineVersion: null,
};

/** What is no longer true once no model is in memory. */
const NOT_LOADED = {
  loadProgress: null,
  loadEtaMs: null,
  loadStep: null,
  contextSize: null,
  gpuLayers: null,
  tuning: null,
  liveChats: null,
  reasoning: null,
  runningGenerations: 0,
} as const;

/** States in which an event means something; elsewhere it came too late and changes nothing. */
const ACCEPTED_IN: Record<EngineEvent['type'], readonly EngineState['status'][] | 'any'> = {
  starting: ['stopped', 'crashed'],
  started: ['starting'],
  start_failed: ['starting'],
  loading: ['idle', 'ready'],
  load_progress: ['loading'],
  load_step: ['loading'],
  loaded: ['loading'],
  load_failed: ['loading'],
  unloaded: ['idle', 'ready'],
  generation_started: ['ready', 'generating'],
  generation_ended: ['generating'],
  queued: 'any',
  memory: ['idle', 'loading', 'ready', 'generating'],
  crashed: ['starting', 'idle', 'loading', 'ready', 'generating'],
  gave_up: ['crashed'],
  stopped: 'any',
};

/**
 * The engine's state machine. Pure; an event that does not fit the status returns the same object.
 * A crash keeps `modelId`, and its error stays through the restart until something succeeds.
 */
export function reduce(state: EngineState, event: EngineEvent): EngineState {
  const accepted = ACCEPTED_IN[event.type];
  if (accepted !== 'any' && !accepted.includes(state.status)) return state;
  switch (event.type) {
    case 'starting':
      return { ...state, status: 'starting', notice: null };
    case 'started': {
      const { backend, deviceNames, engineVersion, notice } = event;
      const crash = state.error && CRASH_CODES.has(state.error.code) ? state.error : null;
      return { ...state, status: 'idle', backend, deviceNames, engineVersion, notice, error: crash };
    }
    case 'start_failed':
      return { ...state, ...NOT_LOADED, status: 'stopped', memory: null, error: event.error };
    case 'loading':
      return {
        ...state,
        ...NOT_LOADED,
        status: 'loading',
        modelId: event.modelId,
        loadProgress: 0,
        error: null,
      };
    case 'load_progress':
      // The library may step back when it retries; a bar that runs backwards helps nobody.
      return {
        ...state,
        loadProgress: Math.max(state.loadProgress ?? 0, Math.min(1, event.progress)),
        loadEtaMs: event.etaMs,
      };
    case 'load_step':
      return { ...state, loadProgress: 1, loadEtaMs: null, loadStep: event.step };
    case 'loaded': {
      const { contextSize, gpuLayers, liveChats, reasoning, tuning } = event;
      const loaded = { contextSize, gpuLayers, liveChats, reasoning, tuning };
      return { ...state, ...NOT_LOADED, ...loaded, status: 'ready', error: null };
    }
    case 'load_failed':
      return { ...state, ...NOT_LOADED, status: 'idle', modelId: null, error: event.error };
    case 'unloaded':
      return { ...state, ...NOT_LOADED, status: 'idle', modelId: null };
    case 'generation_started':
      return { ...state, status: 'generating', runningGenerations: state.runningGenerations + 1 };
    case 'generation_ended': {
      const runningGenerations = Math.max(0, state.runningGenerations - 1);
      const status = runningGenerations === 0 ? 'ready' : 'generating';
      return { ...state, status, runningGenerations, error: event.error };
    }
    case 'queued':
      return event.count === state.queuedGenerations ? state : { ...state, queuedGenerations: event.count };
    case 'memory':
      return { ...state, memory: event.memory };
    case 'crashed': {
      const code = state.status === 'loading' ? 'model_load_crashed' : 'engine_crashed';
      return { ...state, ...NOT_LOADED, status: 'crashed', memory: null, error: { code, data: {} } };
    }
    case 'gave_up':
      return { ...state, error: { code: 'engine_unavailable', data: {} } };
    case 'stopped':
      return { ...state, ...NOT_LOADED, status: 'stopped', modelId: null, memory: null };
  }
}

const CRASH_CODES = new Set<string>(['engine_crashed', 'model_load_crashed', 'engine_unavailable']);

/** The part of a typed error that the state shows. */
export function errorState(error: AppError): EngineErrorState {
  const details: NonNullable<ErrorData['details']> = error.data.details ?? {};
  return { code: error.code, data: details };
}

/** Holds the state and tells listeners of each change. */
export class EngineStateStore {
  #state: EngineState = INITIAL_STATE;
  readonly #listeners = new Set<(state: EngineState) => void>();

  get current(): EngineState {
    return this.#state;
  }

  dispatch(event: EngineEvent): void {
    const next = reduce(this.#state, event);
    if (next === this.#state) return;
    this.#state = next;
    for (const listener of [...this.#listeners]) listener(next);
  }

  /** Calls back after each change; returns the dispose. */
  subscribe(listener: (state: EngineState) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
