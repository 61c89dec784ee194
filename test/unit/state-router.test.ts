import { describe, expect, it } from 'vitest';
import { Navigation } from '../../src-renderer/state/router.svelte.ts';

/** The part of a browser's history that navigation uses. */
function fakeHistory(initial: unknown = null) {
  const entries: unknown[] = [initial];
  let index = 0;
  const target = new EventTarget();
  const history = {
    get state() {
      return entries[index];
    },
    get length() {
      return entries.length;
    },
    scrollRestoration: 'auto' as const,
    pushState(state: unknown) {
      entries.splice(index + 1, entries.length, state);
      index += 1;
    },
    replaceState(state: unknown) {
      entries[index] = state;
    },
    go(step = 0) {
      index = Math.max(0, Math.min(entries.length - 1, index + step));
      const event = new Event('popstate');
      target.dispatchEvent(Object.assign(event, { state: entries[index] }));
    },
    back() {
      this.go(-1);
    },
    forward() {
      this.go(1);
    },
  };
  return { history, window: target as unknown as Window };
}

describe('Navigation', () => {
  it('starts with a new chat, or where a reload left off', () => {
    expect(new Navigation(fakeHistory().history).route).toEqual({ screen: 'chat', conversationId: null });
    const { history } = fakeHistory({ route: { screen: 'settings', section: 'privacy' } });
    expect(new Navigation(history).route).toEqual({ screen: 'settings', section: 'privacy' });
  });

  it('does not trust a state that is not its own', () => {
    for (const state of [{ route: { screen: 'admin' } }, { route: null }, 'chat', 7]) {
      expect(new Navigation(fakeHistory(state).history).screen).toBe('chat');
    }
  });

  it('follows back and forward until it is disposed', () => {
    const { history, window } = fakeHistory();
    const navigation = new Navigation(history);
    const dispose = navigation.listen(window);
    navigation.openChat('a');
    navigation.openModels('m');
    history.back();
    expect(navigation.conversationId).toBe('a');
    history.forward();
    expect(navigation.route).toEqual({ screen: 'models', modelId: 'm' });
    dispose();
    history.back();
    expect(navigation.screen).toBe('models');
  });

  it('opens a screen where the user left it', () => {
    const navigation = new Navigation(fakeHistory().history);
    navigation.openChat('a');
    navigation.openSettings('privacy');
    navigation.goScreen('models');
    navigation.goScreen('chat');
    expect(navigation.conversationId).toBe('a');
    navigation.goScreen('settings');
    expect(navigation.route).toEqual({ screen: 'settings', section: 'privacy' });
  });

  it('adds no step for the place that is shown already', () => {
    const { history } = fakeHistory();
    const navigation = new Navigation(history);
    navigation.openChat('a');
    navigation.openChat('a');
    expect(history.length).toBe(2);
  });

  it('leaves a chat that is gone, without a step back to it', () => {
    const { history } = fakeHistory();
    const navigation = new Navigation(history);
    navigation.openChat('a');
    navigation.forgetChat('b');
    expect(navigation.conversationId).toBe('a');
    navigation.forgetChat('a');
    expect(navigation.conversationId).toBeNull();
    expect(history.length).toBe(2);
    navigation.openModels();
    navigation.goScreen('chat');
    expect(navigation.conversationId).toBeNull();
  });

  it('opens Models from the rail on the tab that was left, without what was open beside it', () => {
    const { history } = fakeHistory();
    const navigation = new Navigation(history);
    navigation.openHub('hf:owner/name');
    expect(navigation.route).toEqual({
      screen: 'models',
      modelId: null,
      tab: 'find',
      address: 'hf:owner/name',
    });
    navigation.openChat(null);
    navigation.goScreen('models');
    expect(navigation.route).toEqual({ screen: 'models', modelId: null, tab: 'find' });
    navigation.openModels('m');
    navigation.openChat(null);
    navigation.goScreen('models');
    expect(navigation.route).toEqual({ screen: 'models', modelId: null });
  });
});
