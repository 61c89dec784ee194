import {
  ChatMLChatWrapper,
  chatWrappers,
  InsufficientMemoryError,
  Llama2ChatWrapper,
  MistralChatWrapper,
  specializedChatWrapperTypeNames,
} from 'node-llama-cpp';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { appError } from '../../src-main/contract/index.ts';
import { COALESCE_MS, Coalescer, MAX_WAIT_INTERVALS } from '../../src-main/engine/sidecar/coalesce.ts';
import { mapLoadFailure } from '../../src-main/engine/sidecar/load-errors.ts';
import {
  ALONE_TARGET_MS,
  CHUNK_TARGET_MS,
  FIRST_CHUNK_TOKENS,
  nextChunkSize,
} from '../../src-main/engine/sidecar/prefill.ts';
import { buildHistory, movesSystemPrompt } from '../../src-main/engine/sidecar/prompt.ts';
import { streamOf } from '../../src-main/engine/sidecar/stream.ts';

describe('nextChunkSize', () => {
  it.each([
    { name: 'nothing measured', last: null, expected: FIRST_CHUNK_TOKENS },
    { name: 'on target', last: { tokens: 64, elapsedMs: CHUNK_TARGET_MS }, expected: 64 },
    { name: 'twice too slow', last: { tokens: 64, elapsedMs: 2 * CHUNK_TARGET_MS }, expected: 32 },
    { name: 'very slow', last: { tokens: 32, elapsedMs: 60_000 }, expected: 16 },
    { name: 'twice too fast', last: { tokens: 64, elapsedMs: CHUNK_TARGET_MS / 2 }, expected: 128 },
    { name: 'very fast grows step by step', last: { tokens: 32, elapsedMs: 0.5 }, expected: 128 },
    { name: 'a short rest does not make the next short', last: { tokens: 1, elapsedMs: 1 }, expected: 128 },
    { name: 'never above four batches', last: { tokens: 2048, elapsedMs: 1 }, expected: 2048 },
    { name: 'a clock that stood still', last: { tokens: 32, elapsedMs: 0 }, expected: 128 },
  ])('$name: $expected tokens', ({ last, expected }) => {
    expect(nextChunkSize(last)).toBe(expected);
  });

  it('reads more at once for an answer that is alone, in whole blocks', () => {
    expect(nextChunkSize({ tokens: 64, elapsedMs: 550 }, ALONE_TARGET_MS)).toBe(64);
    expect(nextChunkSize({ tokens: 64, elapsedMs: 400 }, ALONE_TARGET_MS)).toBe(96);
    expect(nextChunkSize({ tokens: 32, elapsedMs: 250 * 1.2 }, CHUNK_TARGET_MS)).toBe(24);
  });
});

describe('mapLoadFailure', () => {
  const memory = { needBytes: 2, freeBytes: 1 };
  const plain = (message: string) => new Error(message);
  it.each([
    [
      'Failed to load model',
      [
        "llama_model_load: error loading model: error loading model architecture: unknown model architecture: 'foo'",
      ],
      'model_unsupported_architecture',
    ],
    [
      'Failed to load model',
      ["tensor 'blk.0.attn_q.weight' data is not within the file bounds, model is corrupted or incomplete"],
      'model_truncated',
    ],
    [
      'Failed to load model',
      ["gguf_init_from_file_impl: invalid magic characters: 'Dear', expected 'GGUF'"],
      'model_not_gguf',
    ],
    [
      'Failed to create context',
      ['ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 1099511627776'],
      'model_not_enough_memory',
    ],
    [
      'Failed to create context',
      [
        'ggml_backend_cuda_buffer_type_alloc_buffer: allocating 9000.00 MiB on device 0: cudaMalloc failed: out of memory',
      ],
      'model_not_enough_memory',
    ],
    ['Failed to load model', ["missing tensor 'blk.0.attn_q.weight'"], 'model_load_failed'],
    ['Failed to load model', [], 'model_load_failed'],
  ])('%s, %s: %s', (message, lines, code) => {
    expect(mapLoadFailure({ error: plain(message), lines, memory: null }).code).toBe(code);
  });

  it('names the architecture and the memory', () => {
    const lines = ["unknown model architecture: 'foo-2'"];
    expect(mapLoadFailure({ error: plain('x'), lines, memory }).data.details).toEqual({
      architecture: 'foo-2',
    });
    const error = new InsufficientMemoryError('too large');
    const mapped = mapLoadFailure({ error, lines: [], memory });
    expect(mapped).toMatchObject({ code: 'model_not_enough_memory', data: { details: memory } });
  });

  it('knows a file that is gone, keeps typed errors, and takes anything', () => {
    const gone = Object.assign(new Error('x'), { code: 'ENOENT' });
    expect(mapLoadFailure({ error: gone, lines: [], memory: null }).code).toBe('model_file_missing');
    const typed = appError('model_not_gguf');
    expect(mapLoadFailure({ error: typed, lines: [], memory: null })).toBe(typed);
    expect(mapLoadFailure({ error: 'text', lines: [], memory: null }).code).toBe('model_load_failed');
  });

  it('says no word of the log', () => {
    const lines = ['error loading model: /home/someone/secret.gguf'];
    const mapped = mapLoadFailure({ error: plain('/home/someone'), lines, memory: null });
    expect(JSON.stringify(mapped)).not.toContain('someone');
  });
});

describe('buildHistory', () => {
  const user = (text: string) => ({ role: 'user' as const, text });
  const assistant = (text: string) => ({ role: 'assistant' as const, text });

  it('leaves out an empty system prompt and empty answers, and joins what then meets', () => {
    const turns = [user('a'), assistant(''), user('b'), assistant('c'), user('d')];
    expect(buildHistory({ systemPrompt: ' \n', turns }, false)).toEqual([
      { type: 'user', text: 'a\n\nb' },
      { type: 'model', response: ['c'] },
      { type: 'user', text: 'd' },
    ]);
  });

  it('keeps the system prompt apart, or merges it into the first message', () => {
    const turns = [user('a'), assistant('b'), user('c')];
    expect(buildHistory({ systemPrompt: 's', turns }, false)[0]).toEqual({ type: 'system', text: 's' });
    expect(buildHistory({ systemPrompt: 's', turns }, true)).toEqual([
      { type: 'user', text: 's\n\na' },
      { type: 'model', response: ['b'] },
      { type: 'user', text: 'c' },
    ]);
  });

  it('does not change the turns it was given', () => {
    const turns = [user('a'), user('b')];
    buildHistory({ systemPrompt: 's', turns }, true);
    expect(turns).toEqual([user('a'), user('b')]);
  });
});

describe('movesSystemPrompt', () => {
  it.each([
    ['ChatML', new ChatMLChatWrapper(), false],
    ['Llama 2', new Llama2ChatWrapper(), false],
    ['Mistral', new MistralChatWrapper(), true],
  ])('%s: %s', (_name, wrapper, expected) => {
    expect(movesSystemPrompt(wrapper)).toBe(expected);
  });
});

describe('a chat that goes on', () => {
  it.each(specializedChatWrapperTypeNames)('keeps what was rendered before: %s', (name) => {
    const wrapper = new chatWrappers[name]();
    const isSystemMerged = movesSystemPrompt(wrapper);
    const render = (...texts: string[]) => {
      const turns = texts.map((text, index) => ({
        role: index % 2 ? ('assistant' as const) : ('user' as const),
        text,
      }));
      const history = buildHistory({ systemPrompt: 'Be brief.', turns }, isSystemMerged);
      const chatHistory = [...history, { type: 'model' as const, response: [] }];
      return wrapper.generateContextState({ chatHistory }).contextText.toString();
    };
    const second = render('One', 'An answer.', 'Two');
    expect(second.startsWith(render('One'))).toBe(true);
    expect(render('One', 'An answer.', 'Two', 'Another.', 'Three').startsWith(second)).toBe(true);
  });
});

describe('Coalescer', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const make = () => {
    const sent: string[] = [];
    const coalescer = new Coalescer(
      (kind, text) => void sent.push(`${kind}: ${text}`),
      COALESCE_MS,
      () => Date.now(),
    );
    return { sent, coalescer };
  };

  it('sends the first at once and joins what follows', () => {
    const { sent, coalescer } = make();
    for (const text of ['a', 'b', 'c']) coalescer.add('answer', text);
    expect(sent).toEqual(['answer: a']);
    vi.advanceTimersByTime(MAX_WAIT_INTERVALS * COALESCE_MS);
    expect(sent).toEqual(['answer: a', 'answer: bc']);
    vi.advanceTimersByTime(10 * COALESCE_MS);
    coalescer.add('answer', 'd');
    expect(sent).toEqual(['answer: a', 'answer: bc', 'answer: d']);
  });

  it('sends with the first token after the interval, not from a timer in the middle of a decode', () => {
    const { sent, coalescer } = make();
    coalescer.add('answer', 'a');
    vi.advanceTimersByTime(25);
    coalescer.add('answer', 'b');
    vi.advanceTimersByTime(24);
    expect(sent).toEqual(['answer: a']);
    vi.advanceTimersByTime(1);
    coalescer.add('answer', 'c');
    expect(sent).toEqual(['answer: a', 'answer: bc']);
  });

  it('keeps the order when the kind changes', () => {
    const { sent, coalescer } = make();
    coalescer.add('reasoning', 'a');
    coalescer.add('reasoning', 'b');
    coalescer.add('answer', 'c');
    coalescer.flush();
    expect(sent).toEqual(['reasoning: a', 'reasoning: b', 'answer: c']);
  });

  it('has nothing left after a flush, and sends no empty text', () => {
    const { sent, coalescer } = make();
    coalescer.add('answer', '');
    coalescer.add('answer', 'a');
    coalescer.add('answer', 'b');
    coalescer.flush();
    coalescer.flush();
    vi.advanceTimersByTime(1000);
    expect(sent).toEqual(['answer: a', 'answer: b']);
  });
});

describe('streamOf', () => {
  it('yields what is emitted, then the error', async () => {
    const seen: number[] = [];
    const read = async () => {
      const stream = streamOf<number>(async (emit) => {
        emit(1);
        await Promise.resolve();
        emit(2);
        throw appError('model_truncated');
      });
      for await (const event of stream) seen.push(event);
    };
    await expect(read()).rejects.toMatchObject({ code: 'model_truncated' });
    expect(seen).toEqual([1, 2]);
  });

  it('ends the work when the reader leaves', async () => {
    let isEnded = false;
    const stream = streamOf<number>(async (emit, signal) => {
      emit(1);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      isEnded = true;
    });
    for await (const event of stream) if (event === 1) break;
    expect(isEnded).toBe(true);
  });

  it('passes the signal of the call on', async () => {
    const abort = new AbortController();
    const stream = streamOf<number>(async (_emit, signal) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    }, abort.signal);
    const end = stream.next();
    abort.abort();
    expect(await end).toEqual({ done: true, value: undefined });
  });
});
