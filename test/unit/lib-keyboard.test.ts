import { describe, expect, it } from 'vitest';
import { nextIndex, TypeAhead } from '../../src-renderer/lib/roving.ts';
import {
  ariaShortcut,
  chordOf,
  detectShortcutHost,
  displayShortcut,
  matchShortcut,
  SHORTCUT_IDS,
  type KeyPress,
  type ShortcutHost,
} from '../../src-renderer/lib/shortcuts.ts';

const DESKTOP: ShortcutHost = { mac: false, browserTab: false };
const TAB: ShortcutHost = { mac: false, browserTab: true };
const MAC: ShortcutHost = { mac: true, browserTab: false };

function press(keys: string, more: Partial<KeyPress> = {}): KeyPress {
  const parts = keys.split(' ');
  const key = parts.pop() ?? '';
  return {
    key,
    code: /^[a-z]$/i.test(key) ? `Key${key.toUpperCase()}` : '',
    ctrlKey: parts.includes('Ctrl'),
    metaKey: parts.includes('Cmd'),
    shiftKey: parts.includes('Shift'),
    altKey: parts.includes('Alt'),
    repeat: false,
    isComposing: false,
    ...more,
  };
}

describe('shortcuts', () => {
  it.each([
    ['Ctrl k', DESKTOP, 'palette'],
    ['Ctrl n', DESKTOP, 'newChat'],
    ['Ctrl Shift N', DESKTOP, 'temporaryChat'],
    ['Alt n', TAB, 'newChat'],
    ['Alt Shift N', TAB, 'temporaryChat'],
    ['Cmd n', MAC, 'newChat'],
    ['Cmd Shift M', MAC, 'modelPicker'],
    ['Ctrl m', DESKTOP, 'modelPicker'],
    ['Ctrl ,', DESKTOP, 'settings'],
    ['Ctrl 2', DESKTOP, 'page2'],
    ['Escape', DESKTOP, 'stop'],
    ['Alt ArrowLeft', DESKTOP, 'previousBranch'],
    ['Shift F6', DESKTOP, 'previousRegion'],
    ['Ctrl Shift /', DESKTOP, 'shortcuts'],
    ['Ctrl Shift O', DESKTOP, 'offline'],
  ] as const)('%s is found', (keys, host, id) => expect(matchShortcut(press(keys), host)).toBe(id));

  it.each([
    ['Ctrl n', TAB],
    ['Cmd m', MAC],
    ['Ctrl k', MAC],
    ['Cmd k', DESKTOP],
    ['Ctrl Alt k', DESKTOP],
    ['k', DESKTOP],
    ['Enter', DESKTOP],
    ['Delete', DESKTOP],
  ] as const)('%s is left alone', (keys, host) => expect(matchShortcut(press(keys), host)).toBeUndefined());

  it('finds letters by their place where the layout types others', () => {
    expect(matchShortcut(press('Ctrl л', { code: 'KeyK' }), DESKTOP)).toBe('palette');
    expect(matchShortcut(press('Alt ˜', { code: 'KeyN' }), { mac: true, browserTab: true })).toBe('newChat');
    expect(matchShortcut(press('Ctrl é', { code: 'Digit2' }), DESKTOP)).toBe('page2');
    // A Dvorak layout types "k" elsewhere: the letter counts, not the place.
    expect(matchShortcut(press('Ctrl t', { code: 'KeyK' }), DESKTOP)).toBeUndefined();
  });

  it('leaves input methods alone and fires once while a key is held', () => {
    expect(matchShortcut(press('Escape', { isComposing: true }), DESKTOP)).toBeUndefined();
    expect(matchShortcut(press('Ctrl b', { repeat: true }), DESKTOP)).toBeUndefined();
    expect(matchShortcut(press('Alt ArrowRight', { repeat: true }), DESKTOP)).toBe('nextBranch');
  });

  it('leaves the moves by a word to text fields on macOS', () => {
    const left = press('Alt ArrowLeft');
    expect(matchShortcut(left, MAC, 'global', true)).toBeUndefined();
    expect(matchShortcut(left, MAC, 'global', false)).toBe('previousBranch');
    expect(matchShortcut(left, DESKTOP, 'global', true)).toBe('previousBranch');
    expect(matchShortcut(press('Cmd k'), MAC, 'global', true)).toBe('palette');
  });

  it('keeps the scopes apart', () => {
    expect(matchShortcut(press('Enter'), DESKTOP, 'composer')).toBe('send');
    expect(matchShortcut(press('Shift Enter'), DESKTOP, 'composer')).toBe('newLine');
    expect(matchShortcut(press('F2'), DESKTOP, 'list')).toBe('rename');
  });

  it.each([DESKTOP, TAB, MAC, { mac: true, browserTab: true }])('has no chord twice on %j', (host) => {
    const chords = SHORTCUT_IDS.map((id) => ariaShortcut(id, host));
    expect(new Set(chords).size).toBe(chords.length);
    expect(chordOf('palette', host)).toMatchObject({ mod: true, key: 'k' });
  });

  it('shows the keys of the host', () => {
    expect(displayShortcut('offline', DESKTOP)).toBe('Ctrl Shift O');
    expect(displayShortcut('offline', MAC)).toBe('⇧⌘O');
    expect(displayShortcut('newChat', TAB)).toBe('Alt N');
    expect(displayShortcut('stop', DESKTOP)).toBe('Esc');
    expect(ariaShortcut('offline', MAC)).toBe('Meta+Shift+O');
    expect(detectShortcutHost(true, 'MacIntel')).toEqual({ mac: true, browserTab: true });
    expect(detectShortcutHost(false, 'Linux x86_64')).toEqual(DESKTOP);
  });
});

describe('nextIndex', () => {
  it.each([
    ['ArrowDown', 0, {}, 1],
    ['ArrowUp', 0, {}, 0],
    ['ArrowUp', 0, { wrap: true }, 2],
    ['ArrowDown', 2, { wrap: true }, 0],
    ['ArrowDown', -1, {}, 0],
    ['ArrowUp', -1, {}, 2],
    ['Home', 2, {}, 0],
    ['End', 0, {}, 2],
    ['ArrowRight', 0, {}, undefined],
    ['ArrowRight', 0, { orientation: 'horizontal' }, 1],
    ['ArrowRight', 1, { orientation: 'horizontal', rtl: true }, 0],
    ['ArrowDown', 0, { orientation: 'horizontal' }, undefined],
    ['a', 0, {}, undefined],
  ] as const)('%s from %d with %j goes to %s', (key, current, options, next) =>
    expect(nextIndex(key, current, 3, options)).toBe(next),
  );

  it('has nowhere to go in an empty list', () => expect(nextIndex('ArrowDown', -1, 0)).toBeUndefined());
});

describe('TypeAhead', () => {
  const labels = ['Rename', 'Pin', 'Réglages', 'Export', 'Remove'];

  it('collects letters for a moment', () => {
    const ahead = new TypeAhead();
    expect(ahead.find('r', labels, 1, 0)).toBe(2);
    expect(ahead.find('e', labels, 2, 100)).toBe(2);
    expect(ahead.find('m', labels, 2, 200)).toBe(4);
    expect(ahead.find('p', labels, 4, 1500)).toBe(1);
  });

  it('goes round with the same letter and ignores keys that type nothing', () => {
    const ahead = new TypeAhead();
    expect(ahead.find('r', labels, 0, 0)).toBe(2);
    expect(ahead.find('r', labels, 2, 100)).toBe(4);
    expect(ahead.find('r', labels, 4, 200)).toBe(0);
    expect(ahead.find('Shift', labels, 0, 300)).toBeUndefined();
    expect(new TypeAhead().find(' ', labels, 0, 0)).toBeUndefined();
    expect(new TypeAhead().find('z', labels, 0, 0)).toBeUndefined();
  });
});
