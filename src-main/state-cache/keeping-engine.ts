import type { Engine, GenerateRequest, GenerationResult } from '../engine/api.ts';
import type { StateCache } from './state-cache.ts';

/**
 * The engine as the rest of the core sees it: before an answer or another model takes the memory, what was read there
 * is saved, and what was saved is offered to each answer.
 */
export function keepingEngine(engine: Engine, cache: StateCache): Engine {
  const generate: Engine['generate'] = async (request, options) => {
    const { conversationId } = request;
    if (conversationId === undefined) return engine.generate(request, options);
    if (request.priority === 'background') {
      // A title hardly cuts its own chat; another one may have to leave the memory for it.
      await cache.leave(conversationId, options.signal);
      return engine.generate(request, options);
    }
    cache.answerStarts();
    let result: GenerationResult | null = null;
    try {
      await cache.leave(conversationId, options.signal);
      result = await generateWithStates({ ...request, conversationId }, options);
      return result;
    } finally {
      cache.answerEnds(conversationId, freshTokens(result));
    }
  };

  async function generateWithStates(
    request: GenerateRequest & { conversationId: string },
    options: Parameters<Engine['generate']>[1],
  ): Promise<GenerationResult> {
    const offer = await cache.offer(request.conversationId).catch(() => null);
    const copy = await cache.branchCopy(request.conversationId);
    try {
      const result = await engine.generate(
        {
          ...request,
          ...(offer ? { savedStates: offer.states } : {}),
          ...(copy ? { branchCopy: copy } : {}),
        },
        {
          ...options,
          onEvent(event) {
            // A chunk was computed with it.
            if (event.type === 'chunk') offer?.read();
            options.onEvent(event);
          },
        },
      );
      if (result.error?.code === 'engine_crashed') offer?.blame();
      return result;
    } finally {
      offer?.read();
      if (copy) await cache.endCopy(copy);
    }
  }

  /** Reading ahead takes the memory of another chat as an answer does. */
  const readAhead: Engine['readAhead'] = async (request, signal) => {
    const { conversationId } = request;
    if (conversationId === undefined) return engine.readAhead(request, signal);
    await cache.leave(conversationId, signal);
    const offer = await cache.offer(conversationId).catch(() => null);
    const copy = await cache.branchCopy(conversationId);
    cache.readAheadStarts();
    let readTokens = 0;
    try {
      const result = await engine.readAhead(
        {
          ...request,
          ...(offer ? { savedStates: offer.states } : {}),
          ...(copy ? { branchCopy: copy } : {}),
        },
        signal,
      );
      readTokens = result?.readTokens ?? 0;
      return result;
    } finally {
      offer?.read();
      cache.readAheadEnds(conversationId, readTokens);
      if (copy) await cache.endCopy(copy);
    }
  };

  return {
    get state() {
      return engine.state;
    },
    get stateKey() {
      return engine.stateKey;
    },
    generate,
    readAhead,
    async load(request, signal) {
      await cache.leave(null, signal);
      await engine.load(request, signal);
    },
    async unload() {
      await cache.leave(null);
      await engine.unload();
    },
    async dispose() {
      await cache.quit();
      await engine.dispose();
    },
    onState: (listener) => engine.onState(listener),
    start: () => engine.start(),
    restart: () => engine.restart(),
    configure: (options) => engine.configure(options),
    answerNow: (generationId) => engine.answerNow(generationId),
    countTokens: (request) => engine.countTokens(request),
    countParts: (request) => engine.countParts(request),
    saveState: (request, signal) => engine.saveState(request, signal),
    heldChats: () => engine.heldChats(),
  };
}

/** Tokens that the memory holds since this answer, and held not before. */
function freshTokens(result: GenerationResult | null): number {
  return result?.stats ? result.stats.readTokens + result.stats.generatedTokens : 0;
}
