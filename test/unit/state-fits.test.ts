import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { appError, type AppClient } from '../../src-main/contract/index.ts';
import { FitsStore } from '../../src-renderer/state/fits.svelte.ts';

const remote = { repo: 'maker/harbour', revision: '0'.repeat(40), path: 'a.gguf' };
const options = { contextSize: 8_192, gpuLayers: null };
const refused = vi.fn(() => Promise.reject(appError('network_failed')));
let fits: FitsStore;

beforeEach(() => {
  vi.useFakeTimers();
  refused.mockClear();
  const client = { fit: { ofHubFile: refused, ofModel: refused, speed: refused } };
  fits = new FitsStore(client as unknown as AppClient);
});
afterEach(() => void vi.useRealTimers());

const changed = () => fits.handle({ type: 'fit.changed' });
const settle = () => vi.advanceTimersByTimeAsync(1_000);

test('what the hub refused is not asked again when predictions change, but when its page is opened again', async () => {
  fits.want(remote, options);
  await settle();
  for (let time = 0; time < 3; time += 1) {
    changed();
    fits.want(remote, options);
    await settle();
  }
  expect(refused).toHaveBeenCalledTimes(1);
  expect(fits.of(remote, options).failure?.code).toBe('network_failed');
  fits.open(remote);
  fits.want(remote, options);
  await settle();
  expect(refused).toHaveBeenCalledTimes(2);
  fits.retry(remote, options);
  await settle();
  expect(refused).toHaveBeenCalledTimes(3);
});

test('a file of this computer is tried again: it may be back', async () => {
  const target = { modelId: 'a' };
  fits.want(target, options);
  await settle();
  changed();
  fits.want(target, options);
  await settle();
  expect(refused).toHaveBeenCalledTimes(2);
});
