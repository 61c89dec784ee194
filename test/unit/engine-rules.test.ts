import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { appError, isAppError } from '../../src-main/contract/index.ts';
import { sidecarEnvironment } from '../../src-main/engine/environment.ts';
import { predictEtaMs } from '../../src-main/engine/eta.ts';
import { BrokenGeneration, failedResult } from '../../src-main/engine/generation-result.ts';
import { KeepLoaded, UNUSED_MS } from '../../src-main/engine/keep-loaded.ts';
import { WorkQueue, type WorkOptions } from '../../src-main/engine/queue.ts';
import { CRASH_WINDOW_MS, MAX_CRASHES, shouldRestart } from '../../src-main/engine/restart.ts';
import { INITIAL_STATE } from '../../src-main/engine/state.ts';
import { DEFAULT_SAMPLING } from '../../src-main/contract/index.ts';

describe('shouldRestart', () => {
  const at = (...times: number[]) => times.map((atMs) => ({ atMs }));
  it.each([
    { name: 'the first crash', history: [], now: 0, expected: true },
    { name: 'the last that is allowed', history: [0, 1], now: 2, expected: true },
    { name: 'one too many', history: [0, 1, 2], now: 3, expected: false },
    {
      name: 'one too many, at the end of the window',
      history: [0, 1, 2],
      now: CRASH_WINDOW_MS - 1,
      expected: false,
    },
    { name: 'after the first has left the window', history: [0, 1, 2], now: CRASH_WINDOW_MS, expected: true },
    { name: 'many long ago', history: [0, 1, 2, 3, 4], now: 10 * CRASH_WINDOW_MS, expected: true },
  ])('$name: $expected', ({ history, now, expected }) => {
    expect(MAX_CRASHES).toBe(3);
    expect(shouldRestart(at(...history), { atMs: now })).toBe(expected);
  });
});

describe('predictEtaMs', () => {
  it.each([
    [1000, 0.5, 1000],
    [3000, 0.75, 1000],
    [1000, 1, 0],
    [1000, 1.2, 0],
    [1000, 0.01, null],
    [100, 0.5, null],
  ])('after %d ms at %d: %s', (elapsedMs, progress, expected) => {
    const eta = predictEtaMs(elapsedMs, progress);
    if (expected === null) expect(eta).toBeNull();
    else expect(eta).toBeCloseTo(expected);
  });
});

describe('sidecarEnvironment', () => {
  it('passes what the engine needs and nothing else', () => {
    const environment = sidecarEnvironment({
      PATH: '/bin',
      Path: 'C:\\bin',
      HOME: '/home/someone',
      LD_LIBRARY_PATH: '/lib',
      CUDA_VISIBLE_DEVICES: '0',
      VK_ICD_FILENAMES: '/icd',
      NODE_OPTIONS: '--inspect',
      NODE_EXTRA_CA_CERTS: '/ca',
      ELECTRON_RUN_AS_NODE: '1',
      LEEWARD_HF_TOKEN: 'secret',
      HTTPS_PROXY: 'http://proxy',
      LD_PRELOAD: '/evil.so',
      UV_THREADPOOL_SIZE: '64',
      GLIBC_TUNABLES: 'glibc.malloc.check=3',
    });
    expect(environment).toEqual({
      PATH: '/bin',
      Path: 'C:\\bin',
      HOME: '/home/someone',
      LD_LIBRARY_PATH: '/lib',
      CUDA_VISIBLE_DEVICES: '0',
      VK_ICD_FILENAMES: '/icd',
      NODE_LLAMA_CPP_SKIP_DOWNLOAD: 'true',
      UV_THREADPOOL_SIZE: '1',
      GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
    });
  });

  it('puts temporary files where the host says', () => {
    expect(sidecarEnvironment({ TMPDIR: '/tmp' }, '/data/tmp')).toMatchObject({
      TMPDIR: '/data/tmp',
      TMP: '/data/tmp',
      TEMP: '/data/tmp',
    });
  });
});

describe('the queue', () => {
  function gate() {
    let open = () => {};
    const opened = new Promise<void>((resolve) => (open = resolve));
    return { open, opened };
  }

  it('runs one task at a time, in order, and tells places as they change', async () => {
    const waiting: number[] = [];
    const queue = new WorkQueue((count) => waiting.push(count));
    const gates = [gate(), gate(), gate()];
    const order: string[] = [];
    const places: number[][] = [[], [], []];
    const done = gates.map(({ opened }, index) =>
      queue.run(
        async () => {
          order.push(`start ${index}`);
          await opened;
          order.push(`end ${index}`);
        },
        { onPlace: (place) => places[index]?.push(place) },
      ),
    );
    gates[2]?.open();
    gates[1]?.open();
    gates[0]?.open();
    await Promise.all(done);
    expect(order).toEqual(['start 0', 'end 0', 'start 1', 'end 1', 'start 2', 'end 2']);
    expect(places).toEqual([[], [1], [2, 1]]);
    expect(waiting).toEqual([1, 2, 1, 0]);
  });

  it('counts only tasks that want a place', async () => {
    const waiting: number[] = [];
    const queue = new WorkQueue((count) => waiting.push(count));
    const { open, opened } = gate();
    const first = queue.run(() => opened);
    const load = queue.run(async () => {});
    const places: number[] = [];
    const answer = queue.run(async () => {}, { onPlace: (place) => places.push(place) });
    open();
    await Promise.all([first, load, answer]);
    expect(places).toEqual([1]);
    expect(waiting).toEqual([1, 0]);
  });

  it('lets an aborted task leave at once, and never starts it', async () => {
    const queue = new WorkQueue(() => {});
    const { open, opened } = gate();
    const first = queue.run(() => opened);
    const abort = new AbortController();
    let hasRun = false;
    const second = queue.run(async () => void (hasRun = true), { signal: abort.signal });
    const places: number[] = [];
    const third = queue.run(async () => 'third', { onPlace: (place) => places.push(place) });
    abort.abort();
    await expect(second).rejects.toMatchObject({ code: 'aborted' });
    await expect(queue.run(async () => {}, { signal: abort.signal })).rejects.toMatchObject({
      code: 'aborted',
    });
    open();
    await first;
    expect(await third).toBe('third');
    expect(hasRun).toBe(false);
  });

  it('goes on after a task that fails', async () => {
    const queue = new WorkQueue(() => {});
    await expect(queue.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await queue.run(async () => 1)).toBe(1);
  });
});

describe('several at once', () => {
  /** A queue and what runs in it, by name; `end` lets one end. */
  function setUp(capacity: number) {
    const queue = new WorkQueue(() => {});
    queue.capacity = capacity;
    const running: string[] = [];
    const gaveWay: string[] = [];
    const ends = new Map<string, () => void>();
    const start = (name: string, options: WorkOptions = {}) =>
      queue.run(
        async () => {
          running.push(name);
          await new Promise<void>((resolve) => ends.set(name, resolve));
          running.splice(running.indexOf(name), 1);
        },
        { isShared: () => true, onGiveWay: () => gaveWay.push(name), ...options },
      );
    const end = async (name: string) => {
      ends.get(name)?.();
      await settle();
    };
    return { queue, running, gaveWay, start, end };
  }
  const settle = () => new Promise((resolve) => setImmediate(resolve));

  it('run as many as there is room for, and the next in order', async () => {
    const { running, start, end, queue } = setUp(2);
    for (const name of ['a', 'b', 'c', 'd']) void start(name);
    await settle();
    expect(running).toEqual(['a', 'b']);
    await end('b');
    expect(running).toEqual(['a', 'c']);
    expect(queue.isIdle).toBe(false);
    for (const name of ['a', 'c', 'd']) await end(name);
    expect(queue.isIdle).toBe(true);
  });

  it('but one that is to run alone waits for all, and nobody overtakes it', async () => {
    const { running, start, end } = setUp(2);
    void start('a');
    void start('load', { isShared: () => false });
    void start('b');
    await settle();
    expect(running).toEqual(['a']);
    await end('a');
    expect(running).toEqual(['load']);
    await end('load');
    expect(running).toEqual(['b']);
  });

  it('also beside one that ran alone until it said so', async () => {
    const { running, start, queue } = setUp(2);
    let share = () => {};
    void queue.run((slot) => {
      expect(slot.isShared).toBe(false);
      share = slot.share;
      return new Promise(() => {});
    });
    void start('a');
    await settle();
    expect(running).toEqual([]);
    share();
    await settle();
    expect(running).toEqual(['a']);
  });

  it('of the background, when nobody of the foreground waits, and never in the last place', async () => {
    const { running, gaveWay, start, end } = setUp(3);
    for (const name of ['x', 'y', 'z']) void start(name, { priority: 'background' });
    void start('a');
    await settle();
    expect(running).toEqual(['x', 'y', 'a']);
    await end('x');
    expect(running).toEqual(['y', 'a']);
    await end('a');
    expect(running).toEqual(['y', 'z']);
    expect(gaveWay).toEqual([]);
  });

  it('of the background give way to one of the foreground that would wait', async () => {
    const { running, gaveWay, start, end } = setUp(1);
    void start('x', { priority: 'background' });
    void start('y', { priority: 'background' });
    void start('a');
    await settle();
    expect([running, gaveWay]).toEqual([['x'], ['x']]);
    await end('x');
    expect(running).toEqual(['a']);
    await end('a');
    expect(running).toEqual(['y']);
  });
});

describe('how long a model is kept', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const setUp = (minutes: number | null) => {
    const idle = vi.fn();
    const keep = new KeepLoaded(idle);
    keep.minutes = minutes;
    return { idle, keep };
  };

  it.each([
    [5, 5 * 60_000],
    [1, 60_000],
    [0, 0],
  ])('%d minutes after an answer', (minutes, waitMs) => {
    const { idle, keep } = setUp(minutes);
    keep.idle(true);
    if (waitMs > 0) vi.advanceTimersByTime(waitMs - 1);
    expect(idle).toHaveBeenCalledTimes(0);
    vi.advanceTimersByTime(1);
    expect(idle).toHaveBeenCalledTimes(1);
  });

  it('for ever when nothing is said', () => {
    const { idle, keep } = setUp(null);
    keep.idle(true);
    vi.advanceTimersByTime(1e9);
    expect(idle).not.toHaveBeenCalled();
  });

  it('not while it is busy, and again from its end', () => {
    const { idle, keep } = setUp(5);
    keep.idle(true);
    vi.advanceTimersByTime(4 * 60_000);
    keep.busy();
    vi.advanceTimersByTime(10 * 60_000);
    keep.idle(true);
    vi.advanceTimersByTime(5 * 60_000 - 1);
    expect(idle).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(idle).toHaveBeenCalledTimes(1);
  });

  it('a while longer when it was only loaded', () => {
    const { idle, keep } = setUp(0);
    keep.idle(false);
    vi.advanceTimersByTime(UNUSED_MS - 1);
    expect(idle).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(idle).toHaveBeenCalledTimes(1);
  });
});

describe('a result without the engine', () => {
  it('is stopped when the user stopped it, failed otherwise, and always typed', () => {
    expect(failedResult(new Error('x'), AbortSignal.abort())).toEqual({
      stopReason: 'stopped',
      stats: null,
      error: null,
    });
    const { signal } = new AbortController();
    expect(failedResult(appError('no_model'), signal)).toMatchObject({
      stopReason: 'failed',
      error: { code: 'no_model' },
    });
    const other = failedResult(new Error('x'), signal);
    expect(isAppError(other.error)).toBe(true);
    expect(other.error?.code).toBe('internal');
  });

  it('has figures once the prompt was read', () => {
    let now = 1000;
    const request = { generationId: 'g', systemPrompt: '', turns: [], sampling: DEFAULT_SAMPLING };
    const state = { ...INITIAL_STATE, contextSize: 512, backend: 'cpu', engineVersion: 'v' };
    const broken = new BrokenGeneration(request, state, 5, () => now);
    expect(broken.stats('failed')).toBeNull();
    broken.note({
      type: 'read',
      promptTokens: 10,
      reusedTokens: 4,
      reusedFrom: 'disk',
      restoreMs: 3,
      readTokens: 6,
      prefillMs: 90,
      seed: 1,
    });
    now = 1100;
    broken.note({ type: 'chunk', kind: 'answer', text: 'a', generatedTokens: 1 });
    now = 1300;
    broken.note({ type: 'chunk', kind: 'answer', text: 'b', generatedTokens: 5 });
    expect(broken.stats('failed')).toEqual({
      promptTokens: 10,
      reusedTokens: 4,
      reusedFrom: 'disk',
      restoreMs: 3,
      readTokens: 6,
      rereadTokens: 0,
      generatedTokens: 5,
      guessedTokens: 0,
      guessedRight: 0,
      draftedTokens: 0,
      draftedRight: 0,
      ttftMs: 100,
      firstTokenKind: null,
      prefillMs: 90,
      decodeMs: 200,
      tokensPerSecond: 20,
      loadMs: 5,
      stopReason: 'failed',
      contextSize: 512,
      contextTokens: 14,
      seed: 1,
      temperature: DEFAULT_SAMPLING.temperature,
      backend: 'cpu',
      engineVersion: 'v',
    });
  });
});
