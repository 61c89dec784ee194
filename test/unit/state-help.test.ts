import { afterEach, describe, expect, it, vi } from 'vitest';
import { HelpStore } from '../../src-renderer/state/help.svelte.ts';

const PAGES = '../../resources/guide/topics.json';

afterEach(() => vi.doUnmock(PAGES));

describe('the pages of Help', () => {
  it('are read again after they could not be read', async () => {
    const help = new HelpStore();
    vi.doMock(PAGES, () => ({ default: null }));
    await expect(help.load()).rejects.toThrow();
    expect(help.topics).toEqual([]);

    vi.doUnmock(PAGES);
    await help.load();
    expect(help.topic('undo')?.title).toBe('Undo');
    help.query = 'dark mode';
    expect(help.shown[0]?.id).toBe('dark-mode');
  });
});
