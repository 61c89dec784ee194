import { existsSync } from 'node:fs';
import type { GgufFileInfo, Llama, LlamaContext, LlamaModel } from 'node-llama-cpp';
import type { DraftState } from '../../contract/index.ts';
import { vocabularyKey } from '../vocabulary.ts';
import type { LoadInput } from './contract.ts';
import { Draft, DraftPause } from './draft.ts';
import { canTakeBack } from './guesses.ts';
import { CACHE_TYPES } from './tune.ts';

type Failure = Exclude<DraftState, 'ready'>;

/** Why a draft model is not used. It never keeps the model itself from being loaded. */
class DraftRefused extends Error {
  readonly reason: Failure;

  constructor(reason: Failure) {
    super(reason);
    this.reason = reason;
  }
}

/** A draft model beside the model that it guesses for, or why there is none; null where none is wanted. */
export class DraftModel {
  readonly #llama: Llama;
  readonly #signal: AbortSignal;
  readonly #pause = new DraftPause();
  #model: LlamaModel | null = null;
  #context: LlamaContext | null = null;
  #state: DraftState = 'failed';

  private constructor(llama: Llama, signal: AbortSignal) {
    this.#llama = llama;
    this.#signal = signal;
  }

  /**
   * Loads its weights, before the model's context is cut to the memory that is left.
   * @throws the signal's reason, and nothing else
   */
  static async open(
    llama: Llama,
    target: LlamaModel,
    { input, signal }: { input: LoadInput; signal: AbortSignal },
  ): Promise<DraftModel | null> {
    const { draft, gpuLayers, contextSize } = input;
    if (draft === null) return null;
    const opened = new DraftModel(llama, signal);
    await opened.#try(async () => {
      const { path, sizeBytes } = draft;
      if (!canTakeBack(target, input.windowCache === 'auto')) throw new DraftRefused('not_possible');
      if (path === null || !existsSync(path)) throw new DraftRefused('missing');
      if (sizeBytes > process.availableMemory()) throw new DraftRefused('memory');
      const onCard = gpuLayers === 0 ? 0 : { fitContext: { contextSize: contextSize ?? FIT_CONTEXT } };
      const model = await llama.loadModel({ modelPath: path, gpuLayers: onCard, loadSignal: signal });
      opened.#model = model;
      if (keyOf(model.fileInfo) !== keyOf(target.fileInfo)) throw new DraftRefused('vocabulary');
      const { isRecurrent, isHybrid } = model.fileInsights;
      // A wrong guess could not be taken back.
      if (isRecurrent || isHybrid) throw new DraftRefused('failed');
    });
    return opened;
  }

  get state(): DraftState {
    return this.#state;
  }

  /** It takes memory. */
  get isOpen(): boolean {
    return this.#model !== null;
  }

  /** Frees it; the model goes on without. */
  async refuse(reason: Failure): Promise<void> {
    if (!this.isOpen) return;
    await this.dispose();
    this.#state = reason;
  }

  /** As many sequences as the model has, of its size. @throws the signal's reason, and nothing else */
  async addContext({ contextSize, totalSequences }: LlamaContext, threads: number): Promise<void> {
    const model = this.#model;
    if (!model) return;
    await this.#try(async () => {
      this.#context = await model.createContext({
        contextSize: { max: Math.min(contextSize, model.trainContextSize) },
        sequences: totalSequences,
        threads,
        ...CACHE_TYPES.f16,
        swaFullCache: true,
        createSignal: this.#signal,
      });
      this.#state = 'ready';
    });
  }

  /** For one sequence of the model; null when there is no draft. */
  sequence(): Draft | null {
    return this.#context ? new Draft(this.#context.getSequence(), this.#pause) : null;
  }

  async dispose(): Promise<void> {
    await this.#context?.dispose();
    await this.#model?.dispose();
    this.#context = null;
    this.#model = null;
  }

  async #try(task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      await this.dispose();
      this.#signal.throwIfAborted();
      this.#state = error instanceof DraftRefused ? error.reason : await this.#whyFailed();
    }
  }

  async #whyFailed(): Promise<Failure> {
    const vram = this.#llama.gpu === false ? null : await this.#llama.getVramState();
    return vram !== null && vram.free < LEAST_FREE_BYTES ? 'memory' : 'failed';
  }
}

/** The context of the model itself where nobody chose one (model.ts). */
const FIT_CONTEXT = 8192;
/** With less of a card's memory free, a failure is for want of it. */
const LEAST_FREE_BYTES = 512 * 1024 * 1024;

function keyOf({ metadata }: GgufFileInfo): string | null {
  const { model, tokens, token_type } = metadata.tokenizer.ggml;
  return vocabularyKey({ tokenizer: model, tokens, tokenTypes: token_type });
}
