import { describe, expect, it } from 'vitest';
import { answerNotice, isNoticeDue, LONG_ANSWER_MS } from '../../src-main/electron/answer-notice.ts';
import { closeAction } from '../../src-main/electron/close-action.ts';
import { menuLabel, trayTemplate, trayToolTip } from '../../src-main/electron/tray-template.ts';

describe('closeAction', () => {
  const facts = { platform: 'linux', keepsInTray: true, trayWasUsed: false, isQuitting: false } as const;

  it.each([
    ['Linux, icon never used', facts, 'minimise'],
    ['Linux, icon used', { ...facts, trayWasUsed: true }, 'hide'],
    ['Windows', { ...facts, platform: 'win32' }, 'hide'],
    ['macOS keeps the app in the dock', { ...facts, platform: 'darwin' }, 'close'],
    ['the setting is off, or the icon could not be put up', { ...facts, keepsInTray: false }, 'close'],
    ['a quit', { ...facts, trayWasUsed: true, isQuitting: true }, 'close'],
    ['a quit on Windows', { ...facts, platform: 'win32', isQuitting: true }, 'close'],
  ] as const)('%s: %s', (_case, given, action) => expect(closeAction(given)).toBe(action));
});

describe('trayTemplate', () => {
  const build = (running: number, titles: readonly string[]) => {
    const done: string[] = [];
    const chats = titles.map((title, index) => ({ id: String(index), title }));
    const items = trayTemplate(
      { running, chats },
      {
        open: () => done.push('open'),
        showChat: (id) => done.push(`chat ${id}`),
        stopAll: () => done.push('stop'),
        quit: () => done.push('quit'),
      },
    );
    return { done, items, labels: items.flatMap(({ label }) => (label === undefined ? [] : [label])) };
  };

  it('says that nothing runs, and offers nothing to stop', () => {
    expect(build(0, []).labels).toEqual(['Open Leeward', 'No answer is running', 'Quit Leeward']);
  });

  it('names the chats that answer, and every item does what it says', () => {
    const { labels, items, done } = build(3, ['Knots', 'Tides & winds']);
    expect(labels).toEqual([
      'Open Leeward',
      '3 answers are running',
      'Knots',
      'Tides && winds',
      'Stop all 3 answers',
      'Quit Leeward',
    ]);
    for (const { click } of items) (click as (() => void) | undefined)?.();
    expect(done).toEqual(['open', 'chat 0', 'chat 1', 'stop', 'quit']);
    expect(items.filter(({ enabled }) => enabled === false).map(({ click }) => click)).toEqual([undefined]);
    const ids = items.flatMap(({ id }) => (id === undefined ? [] : [id]));
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('shows eight chats and counts the others', () => {
    const { labels } = build(
      11,
      Array.from({ length: 11 }, (_, index) => `Chat ${index}`),
    );
    expect(labels).toContain('Chat 7');
    expect(labels).not.toContain('Chat 8');
    expect(labels).toContain('and 3 more');
  });

  it.each([
    ['plain', 'plain'],
    [' two\nlines\tof text ', 'two lines of text'],
    ['turned \u202Eround\u202C', 'turned round'],
    ['a\u2066b\u2028c', 'ab c'],
    ['', 'Chat without a name'],
    ['\u200B', 'Chat without a name'],
    ['R&D', 'R&&D'],
    ['a'.repeat(41), `${'a'.repeat(40)} …`],
    ['👩‍🚀'.repeat(41), `${'👩‍🚀'.repeat(40)} …`],
  ])('a title %j reads %j', (title, label) => expect(menuLabel(title)).toBe(label));

  it('tells how many under the pointer, never which', () => {
    expect(trayToolTip({ running: 0 })).toBe('Leeward');
    expect(trayToolTip({ running: 1 })).toBe('Leeward, 1 answer running');
    expect(trayToolTip({ running: 2 })).toBe('Leeward, 2 answers running');
  });
});

describe('the notice of a long answer', () => {
  const due = { tookMs: LONG_ANSWER_MS, isWanted: true, isAway: true };
  it.each([
    ['a long one, away', due, true],
    ['a short one', { ...due, tookMs: LONG_ANSWER_MS - 1 }, false],
    ['the window is in use', { ...due, isAway: false }, false],
    ['not wanted', { ...due, isWanted: false }, false],
  ])('%s', (_case, facts, isDue) => expect(isNoticeDue(facts)).toBe(isDue));

  it('says how it ended, and nothing where the person stopped it', () => {
    expect(answerNotice('complete')?.title).toBe('The answer is ready');
    expect(answerNotice('failed')?.title).toBe('The answer is not complete');
    expect(answerNotice('interrupted')?.title).toBe('The answer is not complete');
    expect(answerNotice('stopped')).toBeNull();
  });
});
