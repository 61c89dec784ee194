import { describe, expect, it } from 'vitest';
import type { AppClient, Settings } from '../../src-main/contract/index.ts';
import { DEFAULT_SETTINGS } from '../../src-main/settings/defaults.ts';
import { SettingsStore } from '../../src-renderer/state/settings.svelte.ts';

/** A core that answers each change when the test says so. */
function slowCore() {
  const answers: { succeed: (value: Settings) => void; fail: (error: Error) => void }[] = [];
  const update = () =>
    new Promise<Settings>((resolve, reject) => answers.push({ succeed: resolve, fail: reject }));
  const client = { settings: { update, get: update } } as unknown as AppClient;
  return { answers, store: new SettingsStore(client, DEFAULT_SETTINGS) };
}

describe('the settings', () => {
  it('keep a change on its way when an earlier one is answered', async () => {
    const { answers, store } = slowCore();
    const first = store.update({ backend: 'cpu' });
    const second = store.update({ flashAttention: 'off' });
    expect(store.value).toMatchObject({ backend: 'cpu', flashAttention: 'off' });
    const afterFirst: Settings = { ...DEFAULT_SETTINGS, backend: 'cpu' };
    store.handle({ type: 'settings.changed', seq: 1, settings: afterFirst } as never);
    answers[0]?.succeed(afterFirst);
    await first;
    expect(store.value).toMatchObject({ backend: 'cpu', flashAttention: 'off' });
    answers[1]?.succeed({ ...afterFirst, flashAttention: 'off' });
    await second;
    expect(store.value).toMatchObject({ backend: 'cpu', flashAttention: 'off' });
  });

  it('show the saved value again after a refusal, and other changes meanwhile', async () => {
    const { answers, store } = slowCore();
    const refused = store.update({ backend: 'cpu' });
    store.handle({
      type: 'settings.changed',
      seq: 1,
      settings: { ...DEFAULT_SETTINGS, sidebarOpen: !DEFAULT_SETTINGS.sidebarOpen },
    } as never);
    answers[0]?.fail(new Error('disk full'));
    await expect(refused).rejects.toThrow('disk full');
    expect(store.value).toEqual({ ...DEFAULT_SETTINGS, sidebarOpen: !DEFAULT_SETTINGS.sidebarOpen });
  });
});
