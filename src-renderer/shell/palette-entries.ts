import { fuzzyMatch, type Segment } from '../lib/fuzzy.ts';
import { chordOf, displayKeys, SHORTCUT_IDS, type ShortcutId } from '../lib/shortcuts.ts';
import type { AppState } from '../state/app.svelte.ts';
import { helpTexts } from '../texts/help.ts';
import { historyTexts } from '../texts/history.ts';
import { settingsTexts } from '../texts/settings.ts';
import { activeShortcuts, canRun, runShortcut } from './keyboard.ts';

/** One line of the palette. */
export interface PaletteEntry {
  /** Unique, and the same for the same thing next time. */
  id: string;
  label: string;
  detail?: string | undefined;
  keys?: readonly string[] | undefined;
  run: () => void;
}

export interface PaletteGroup {
  key: 'chats' | 'models' | 'commands' | 'text';
  heading: string | null;
  entries: readonly (PaletteEntry & { segments: readonly Segment[] })[];
}

/** As many as fit without scrolling when all three groups have matches. */
const SHOWN = { chats: 7, models: 4, commands: 8 };

const texts = historyTexts.palette;

/** Shortcuts that only make sense as keys: they begin in the palette itself, or move the focus. */
const KEYS_ONLY: readonly ShortcutId[] = ['palette', 'nextRegion', 'previousRegion', 'send', 'newLine'];

function commands(app: AppState): PaletteEntry[] {
  const active = activeShortcuts(app.shortcutHost);
  const byKeys = SHORTCUT_IDS.filter(
    (id) => active.includes(id) && !KEYS_ONLY.includes(id) && canRun(id, app),
  ).map((id) => ({
    id: `command ${id}`,
    label: settingsTexts.shortcuts.actions[id],
    keys: displayKeys(chordOf(id, app.shortcutHost), app.shortcutHost),
    run: () => void runShortcut(id, app),
  }));
  const place = (wanted: 'archive' | 'trash') => (): void => {
    app.navigation.goScreen('chat');
    app.search.clear();
    app.historyScreen.show(wanted);
  };
  return [
    ...byKeys,
    {
      id: 'command newFolder',
      label: texts.newFolder,
      run: () => {
        app.navigation.goScreen('chat');
        app.historyScreen.dialog = { kind: 'newFolder', parentId: null };
      },
    },
    ...(app.models.guide === null
      ? []
      : [{ id: 'command guide', label: helpTexts.ask, run: () => app.askGuide() }]),
    { id: 'command archive', label: texts.openArchive, run: place('archive') },
    { id: 'command trash', label: texts.openTrash, run: place('trash') },
  ];
}

function models(app: AppState): PaletteEntry[] {
  return app.models.list
    .filter(({ available }) => available)
    .map(({ id, name, quant }) => ({
      id: `model ${id}`,
      label: name,
      detail: quant ?? undefined,
      run: () => app.navigation.openModels(id),
    }));
}

function chats(app: AppState): PaletteEntry[] {
  return app.conversations.list.map(({ id, title, folderId }) => ({
    id: `chat ${id}`,
    label: title,
    detail: app.history.folder(folderId)?.name,
    run: () => app.navigation.openChat(id),
  }));
}

/** The best of them; what was used lately, then the order given, decides between equals. */
function best(
  entries: readonly PaletteEntry[],
  query: string,
  recent: readonly string[],
  limit: number,
): PaletteGroup['entries'] {
  const rank = (id: string): number => (recent.includes(id) ? recent.indexOf(id) : recent.length);
  return entries
    .flatMap((entry) => {
      const match = fuzzyMatch(query, entry.label);
      return match === null ? [] : [{ ...entry, score: match.score, segments: match.segments }];
    })
    .sort((a, b) => b.score - a.score || rank(a.id) - rank(b.id))
    .slice(0, limit);
}

/** What the palette offers for a query; without one what was used lately. */
export function paletteGroups(app: AppState, query: string): PaletteGroup[] {
  const { recent } = app.palette;
  const trimmed = query.trim();
  const groups: PaletteGroup[] = [
    {
      key: 'chats',
      heading: trimmed === '' ? texts.recent : texts.chats,
      entries: best(chats(app), trimmed, recent, SHOWN.chats),
    },
    { key: 'models', heading: texts.models, entries: best(models(app), trimmed, recent, SHOWN.models) },
    {
      key: 'commands',
      heading: texts.commands,
      // Without a query all of them: this is where they are looked up.
      entries: best(commands(app), trimmed, recent, trimmed === '' ? Infinity : SHOWN.commands),
    },
  ];
  if (trimmed !== '') {
    const label = texts.inText(trimmed);
    const search = (): void => {
      app.navigation.goScreen('chat');
      app.historyScreen.searchWanted = true;
      app.search.setQuery(trimmed);
    };
    const entry = { id: 'text', label, run: search, segments: [{ text: label, marked: false }] };
    groups.push({ key: 'text', heading: null, entries: [entry] });
  }
  return groups.filter(({ entries }) => entries.length > 0);
}
