import { describe, expect, it } from 'vitest';
import type { LoadRequest } from '../../src-main/engine/api.ts';
import { RestoreWatch, CrashedByState, stateKeyOf } from '../../src-main/engine/saved-states.ts';
import { isWorthReading, savedPrefix } from '../../src-main/engine/sidecar/saved-state.ts';
import { INITIAL_STATE } from '../../src-main/engine/state.ts';
import { loadRequest } from '../integration/engine-kit.ts';

describe('the part of a prompt that a saved state holds', () => {
  it.each([
    ['all but the last token, which is sampled from', [1, 2, 3], [1, 2, 3], false, 2],
    ['up to the branch', [1, 2, 9, 9], [1, 2, 3, 4], false, 2],
    ['up to its end', [1, 2], [1, 2, 3, 4], false, 2],
    ['nothing of another chat', [5, 6], [1, 2], false, 0],
    ['with a window: up to its end', [1, 2], [1, 2, 3, 4], true, 2],
    ['with a window: no branch', [1, 2, 9], [1, 2, 3, 4], true, 0],
    ['with a window: not to be cut by one', [1, 2, 3], [1, 2, 3], true, 0],
  ])('%s', (_name, saved, prompt, isWindowed, expected) => {
    expect(savedPrefix(saved, prompt, isWindowed)).toBe(expected);
  });
});

describe('whether a state is read', () => {
  const state = { live: 100, saved: 1100, bytes: 20e6, msPerToken: 10 };
  it.each([
    ['1,000 tokens against 60 ms', state, true],
    ['nothing measured yet', { ...state, msPerToken: null }, true],
    ['too few tokens', { ...state, saved: 110 }, false],
    ['the memory holds more', { ...state, live: 2000 }, false],
    ['a model that reads faster than the disk', { ...state, msPerToken: 0.01 }, false],
    ['a very large file', { ...state, bytes: 100e9 }, false],
  ])('%s: %s', (_name, reuse, expected) => {
    expect(isWorthReading(reuse)).toBe(expected);
  });
});

describe('the key of a state', () => {
  const request = loadRequest({ path: '/m.gguf', sizeBytes: 1 }, { modelId: 'm' });
  const started = { ...INITIAL_STATE, backend: 'cpu', engineVersion: 'v1' };
  const keyOf = (over: Partial<LoadRequest> = {}, parts = 'p', state = started) =>
    stateKeyOf({ ...request, ...over }, parts, state);

  it.each<[string, Partial<LoadRequest>]>([
    ['threads', { threads: 3 }],
    ['chats in memory', { sequences: 2 }],
    ['chats kept ready', { liveChats: 2 }],
    ['guessing', { speculation: 'off' }],
    ['how long it stays', { keepLoadedMinutes: 5 }],
    ['its name in the list', { modelId: 'other' }],
  ])('is the same with other %s', (_name, over) => expect(keyOf(over)).toBe(keyOf()));

  it.each<[string, Partial<LoadRequest>]>([
    ['file', { path: '/n.gguf' }],
    ['state of the file', { fileState: 'changed' }],
    ['size', { sizeBytes: 2 }],
    ['adapters', { adapters: [{ path: '/a', scale: 1 }] }],
    ['template', { chatTemplate: 'x' }],
    ['context', { contextSize: 512 }],
    ['cache', { cacheType: 'q8_0' }],
    ['flash attention', { flashAttention: 'off' }],
  ])('is another with another %s', (_name, over) => expect(keyOf(over)).not.toBe(keyOf()));

  it('is another with another version, device or loaded context', () => {
    const keys = [
      keyOf(),
      keyOf({}, 'q'),
      keyOf({}, 'p', { ...started, engineVersion: 'v2' }),
      keyOf({}, 'p', { ...started, backend: 'cuda' }),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('what becomes of a state', () => {
  const watch = () => {
    const rejected: string[] = [];
    const states = {
      candidates: [],
      open: () => Promise.resolve(null),
      rejected: (id: string) => void rejected.push(id),
    };
    const copied: number[] = [];
    const branchCopy = {
      maxBytes: 1,
      from: [],
      open: () => '',
      closed: (bytes: number) => void copied.push(bytes),
    };
    return { rejected, copied, restore: new RestoreWatch({ savedStates: states, branchCopy }) };
  };

  it('is told when it was refused, and not when it was read', () => {
    const { rejected, restore } = watch();
    restore.note({ type: 'restoring', id: 'a' });
    restore.note({ type: 'restored', id: 'a', isRefused: false });
    restore.crashed();
    restore.note({ type: 'restoring', id: 'b' });
    restore.note({ type: 'restored', id: 'b', isRefused: true });
    expect(rejected).toEqual(['b']);
  });

  it('is told of a branch that was copied', () => {
    const { copied, restore } = watch();
    restore.note({ type: 'copied', bytes: 7, elapsedMs: 1 });
    expect(copied).toEqual([7]);
  });

  it('is told once when the process died while it was read', () => {
    const { rejected, restore } = watch();
    restore.note({ type: 'restoring', id: 'a' });
    expect(() => restore.crashed()).toThrow(CrashedByState);
    expect(restore.failed()).toBe(false);
    expect(rejected).toEqual(['a']);
  });
});
