/** Where the keys are pressed: macOS has Command, and a browser tab keeps some keys for itself. */
export interface ShortcutHost {
  mac: boolean;
  browserTab: boolean;
}

/** One press. `mod` is Command on macOS and Ctrl elsewhere. `key` is lower case or a `KeyboardEvent.key` name. */
export interface Chord {
  key: string;
  mod?: true;
  shift?: true;
  alt?: true;
}

/** `global` works anywhere in the window; the others only in the part of the screen that handles them. */
export type ShortcutScope = 'global' | 'composer' | 'list';

interface Definition {
  scope: ShortcutScope;
  chord: Chord;
  /** Where the usual keys are taken. */
  inBrowserTab?: Chord;
  onMac?: Chord;
  /** Holding the key repeats the action. */
  repeats?: true;
  /** A text field on macOS needs the keys itself. */
  typesOnMac?: true;
}

const DEFINITIONS = {
  palette: { scope: 'global', chord: { mod: true, key: 'k' } },
  newChat: { scope: 'global', chord: { mod: true, key: 'n' }, inBrowserTab: { alt: true, key: 'n' } },
  temporaryChat: {
    scope: 'global',
    chord: { mod: true, shift: true, key: 'n' },
    inBrowserTab: { alt: true, shift: true, key: 'n' },
  },
  findInChat: { scope: 'global', chord: { mod: true, key: 'f' } },
  searchChats: { scope: 'global', chord: { mod: true, shift: true, key: 'f' } },
  page1: { scope: 'global', chord: { mod: true, key: '1' } },
  page2: { scope: 'global', chord: { mod: true, key: '2' } },
  page3: { scope: 'global', chord: { mod: true, key: '3' } },
  page4: { scope: 'global', chord: { mod: true, key: '4' } },
  settings: { scope: 'global', chord: { mod: true, key: ',' } },
  sidebar: { scope: 'global', chord: { mod: true, key: 'b' } },
  inspector: { scope: 'global', chord: { mod: true, key: 'i' } },
  // Command M minimises the window on macOS.
  modelPicker: {
    scope: 'global',
    chord: { mod: true, key: 'm' },
    onMac: { mod: true, shift: true, key: 'm' },
  },
  nextRegion: { scope: 'global', chord: { key: 'F6' } },
  previousRegion: { scope: 'global', chord: { shift: true, key: 'F6' } },
  stop: { scope: 'global', chord: { key: 'Escape' } },
  // Option with an arrow moves by a word in text on macOS.
  previousBranch: {
    scope: 'global',
    chord: { alt: true, key: 'ArrowLeft' },
    repeats: true,
    typesOnMac: true,
  },
  nextBranch: { scope: 'global', chord: { alt: true, key: 'ArrowRight' }, repeats: true, typesOnMac: true },
  copyLastAnswer: { scope: 'global', chord: { mod: true, shift: true, key: 'c' } },
  answerAgain: { scope: 'global', chord: { mod: true, key: 'r' } },
  offline: { scope: 'global', chord: { mod: true, shift: true, key: 'o' } },
  shortcuts: { scope: 'global', chord: { mod: true, key: '/' } },
  help: { scope: 'global', chord: { key: 'F1' } },
  send: { scope: 'composer', chord: { key: 'Enter' } },
  newLine: { scope: 'composer', chord: { shift: true, key: 'Enter' } },
  editLast: { scope: 'composer', chord: { key: 'ArrowUp' } },
  rename: { scope: 'list', chord: { key: 'F2' } },
  trash: { scope: 'list', chord: { key: 'Delete' } },
} as const satisfies Record<string, Definition>;

export type ShortcutId = keyof typeof DEFINITIONS;

const definitions: Readonly<Record<ShortcutId, Definition>> = DEFINITIONS;

/** All shortcuts, in the order in which a list shows them. */
export const SHORTCUT_IDS = Object.keys(DEFINITIONS).filter((id): id is ShortcutId => id in DEFINITIONS);

/** The host of this window. @param browserTab false in a desktop window, which has all keys */
export function detectShortcutHost(browserTab: boolean, platform = navigator.platform): ShortcutHost {
  return { mac: /^(Mac|iPhone|iPad)/.test(platform), browserTab };
}

/** The keys of a shortcut on a host. */
export function chordOf(id: ShortcutId, host: ShortcutHost): Chord {
  const definition = definitions[id];
  if (host.browserTab && definition.inBrowserTab !== undefined) return definition.inBrowserTab;
  if (host.mac && definition.onMac !== undefined) return definition.onMac;
  return definition.chord;
}

const TEXT_FIELDS =
  'textarea, input:not([type="checkbox"], [type="radio"], [type="range"], [type="file"], [type="button"])';

/** The part of a keyboard event that matching reads. */
export type KeyPress = Pick<
  KeyboardEvent,
  'key' | 'code' | 'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey' | 'repeat' | 'isComposing'
>;

// Letters and digits are also found by their place: Option types other characters on macOS, and Cyrillic,
// Greek or Arabic layouts have no Latin ones.
function isKey(press: KeyPress, chord: Chord): boolean {
  const key = press.key.length === 1 ? press.key.toLowerCase() : press.key;
  if (key === chord.key) return true;
  if (/^[0-9]$/.test(chord.key)) return press.code === `Digit${chord.key}`;
  const byPlace = press.altKey || !/^[\x20-\x7e]+$/.test(press.key);
  return byPlace && /^[a-z]$/.test(chord.key) && press.code === `Key${chord.key.toUpperCase()}`;
}

/** Whether an event is exactly this chord. Keys pressed while an input method composes never are. */
export function matchesChord(press: KeyPress, chord: Chord, host: ShortcutHost): boolean {
  if (press.isComposing) return false;
  const mod = host.mac ? press.metaKey : press.ctrlKey;
  const otherMod = host.mac ? press.ctrlKey : press.metaKey;
  if (otherMod || mod !== (chord.mod ?? false) || press.altKey !== (chord.alt ?? false)) return false;
  // Many layouts type "/" and "," with Shift.
  const shiftMatters = !/^[/,]$/.test(chord.key);
  if (shiftMatters && press.shiftKey !== (chord.shift ?? false)) return false;
  return isKey(press, chord);
}

/** Whether keys pressed there type text. */
export function isTextField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches(TEXT_FIELDS);
}

/**
 * The shortcut that an event means in a scope, or undefined. A held key fires once.
 * @param inText the focus is in a text field
 */
export function matchShortcut(
  press: KeyPress,
  host: ShortcutHost,
  scope: ShortcutScope = 'global',
  inText = false,
): ShortcutId | undefined {
  return SHORTCUT_IDS.find((id) => {
    const definition = definitions[id];
    if (definition.scope !== scope || (press.repeat && definition.repeats !== true)) return false;
    if (inText && host.mac && definition.typesOnMac === true) return false;
    return matchesChord(press, chordOf(id, host), host);
  });
}

/** Names of keys as printed on keyboards outside macOS; a translation passes its own. */
export interface KeyNames {
  ctrl: string;
  shift: string;
  alt: string;
  named: Readonly<Record<string, string>>;
}

export const KEY_NAMES: KeyNames = {
  ctrl: 'Ctrl',
  shift: 'Shift',
  alt: 'Alt',
  named: {
    Escape: 'Esc',
    Delete: 'Del',
    ArrowUp: 'Up',
    ArrowDown: 'Down',
    ArrowLeft: 'Left',
    ArrowRight: 'Right',
    Enter: 'Enter',
  },
};

const MAC_SYMBOLS: Readonly<Record<string, string>> = {
  Escape: 'Esc',
  Delete: '⌦',
  ArrowUp: '↑',
  ArrowDown: '↓',
  ArrowLeft: '←',
  ArrowRight: '→',
  Enter: '↩',
};

/** The keys of a chord, one string each, in the order of the platform: Ctrl Shift O, or ⇧ ⌘ O. */
export function displayKeys(chord: Chord, host: ShortcutHost, names: KeyNames = KEY_NAMES): string[] {
  const named = host.mac ? MAC_SYMBOLS : names.named;
  const key = chord.key.length === 1 ? chord.key.toUpperCase() : (named[chord.key] ?? chord.key);
  const modifiers = host.mac
    ? [chord.alt && '⌥', chord.shift && '⇧', chord.mod && '⌘']
    : [chord.mod && names.ctrl, chord.alt && names.alt, chord.shift && names.shift];
  return [...modifiers.filter((modifier) => modifier !== undefined), key];
}

/** A shortcut as one text, for tooltips and menus. */
export function displayShortcut(id: ShortcutId, host: ShortcutHost, names: KeyNames = KEY_NAMES): string {
  return displayKeys(chordOf(id, host), host, names).join(host.mac ? '' : ' ');
}

/** Value for `aria-keyshortcuts`. */
export function ariaShortcut(id: ShortcutId, host: ShortcutHost): string {
  const chord = chordOf(id, host);
  const modifiers = [
    chord.mod && (host.mac ? 'Meta' : 'Control'),
    chord.alt && 'Alt',
    chord.shift && 'Shift',
  ].filter((modifier) => modifier !== undefined);
  return [...modifiers, chord.key.length === 1 ? chord.key.toUpperCase() : chord.key].join('+');
}

/**
 * Whether a modal dialog or an open menu has the keyboard. Global shortcuts wait then: the press on Esc that
 * closes a dialog must not also stop an answer.
 */
export function isLayerOpen(root: ParentNode = document): boolean {
  return root.querySelector('dialog:modal, [popover="auto"]:popover-open') !== null;
}
