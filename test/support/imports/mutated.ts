import { strToU8, zipSync } from 'fflate';
import * as v from 'valibot';
import { ImportFailure, isAppError } from '../../../src-main/contract/index.ts';
import { BrokenZip, NoChatsFound } from '../../../src-renderer/lib/import-chats.ts';
import type { Store } from '../../../src-main/store/api.ts';
import { Random } from '../gguf/random.ts';
import { chatGptExport } from './chatgpt.ts';
import { claudeExport } from './claude.ts';
import { fileOf, purgeAll, taken } from './importing.ts';
import {
  janBranchedMessages,
  janBranchedThread,
  janExportFile,
  janMessages,
  janThread,
  linesOf,
} from './jan.ts';
import { lmStudioChat } from './lm-studio.ts';
import { openWebUiExport } from './open-webui.ts';

/** Files of one import: names, and what is in them. */
type Files = Record<string, string | Uint8Array<ArrayBuffer>>;
/** What a good import is made of: a value is written as JSON, lines as JSON on each. */
type Source = Record<string, unknown>;

const OWN_ID = '6b1d3f00-0000-4000-8000-00000000000';
/** A file of our own, as formats.ts describes it. */
const ownFile = {
  format: 'leeward-chats',
  version: 1,
  folders: [
    { id: `${OWN_ID}1`, name: 'Boat', parentId: null, createdAt: 5, modelId: null, systemPrompt: null },
  ],
  tags: [{ id: `${OWN_ID}2`, name: 'tides' }],
  conversations: [
    {
      ...{ id: `${OWN_ID}3`, title: 'Tides', titleSource: 'user', createdAt: 10, updatedAt: 20 },
      ...{ folderId: `${OWN_ID}1`, tags: [`${OWN_ID}2`], pinnedAt: null, archivedAt: null, draft: 'd' },
      ...{ activeLeafId: `${OWN_ID}4`, queue: [] },
      settings: { modelId: null, systemPrompt: 'S', sampling: null, reasoning: null, presetId: null },
      messages: [
        {
          ...{ id: `${OWN_ID}4`, parentId: null, role: 'user', text: 'Q', reasoning: '', status: 'complete' },
          ...{ errorCode: null, errorDetails: null, modelId: null, modelName: null, quant: null },
          ...{ createdAt: 11, stats: null, settings: null, thought: null, pinned: false, edited: false },
          ...{ prefixLength: 0, attachments: [] },
        },
      ],
    },
  ],
};

const sources: readonly Source[] = [
  { 'conversations.json': chatGptExport },
  { 'conversations.json': claudeExport },
  { 'conversations.json': openWebUiExport },
  { '1756219403097.conversation.json': lmStudioChat },
  { 'threads/a/thread.json': janThread, 'threads/a/messages.jsonl': janMessages },
  { 'threads/b/messages.jsonl': janBranchedMessages, 'threads/b/thread.json': janBranchedThread },
  { 'Honey.json': janExportFile },
  { 'chats.json': ownFile },
  {
    'data/conversations.json': claudeExport,
    'data/1.conversation.json': lmStudioChat,
    'data/a/thread.json': janThread,
    'data/a/messages.jsonl': janMessages,
  },
];

const below = (limit: number, random: Random) => random.uint32() % Math.max(1, limit);
const pick = <T>(items: readonly T[], random: Random): T | undefined => items[below(items.length, random)];

/** Values that a field of another kind, or a careless reader, does not expect. */
const hostile = (random: Random): unknown =>
  pick<() => unknown>(
    [
      () => null,
      () => -1,
      () => 1e308,
      () => Number.MAX_SAFE_INTEGER,
      () => '',
      () => '\u0000\uD800',
      () => '__proto__',
      () => 'x'.repeat(below(20_000, random)),
      () => [],
      () => ({}),
      () => ({ ['__proto__']: 1, constructor: null }),
      () => Array.from({ length: 300 }).reduce((inner: unknown) => [inner], null),
      () => true,
    ],
    random,
  )?.();

/** Every place in a value where another could be: the object or list, and the key. */
function placesOf(value: unknown): { holder: Record<string, unknown>; key: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  // Proven edge: a list is an object by its indexes here.
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...placesOf(holder[key])]);
}

/** Changes of the value, before it is text: what stays JSON is not what a program writes. */
const valueChanges: Readonly<Record<string, (value: unknown, random: Random) => void>> = {
  hostileValue(value, random) {
    const place = pick(placesOf(value), random);
    if (place) place.holder[place.key] = hostile(random);
  },
  lostField(value, random) {
    const place = pick(placesOf(value), random);
    if (place && !Array.isArray(place.holder)) Reflect.deleteProperty(place.holder, place.key);
  },
  swapped(value, random) {
    const places = placesOf(value);
    const [a, b] = [pick(places, random), pick(places, random)];
    // Texts and numbers only: an object within itself is no JSON.
    if (!a || !b || typeof a.holder[a.key] === 'object' || typeof b.holder[b.key] === 'object') return;
    [a.holder[a.key], b.holder[b.key]] = [b.holder[b.key], a.holder[a.key]];
  },
};

/** Changes of the text. */
const textChanges: Readonly<Record<string, (text: string, random: Random) => string>> = {
  cut: (text, random) => text.slice(0, below(text.length, random)),
  changedSign: (text, random) => {
    const at = below(text.length, random);
    return text.slice(0, at) + String.fromCharCode(below(0x300, random)) + text.slice(at + 1);
  },
  lostRange: (text, random) => {
    const at = below(text.length, random);
    return text.slice(0, at) + text.slice(at + below(60, random));
  },
  repeatedRange: (text, random) => {
    const at = below(text.length, random);
    return text.slice(0, at + below(200, random)) + text.slice(at);
  },
};

const textOf = (name: string, value: unknown): string =>
  name.endsWith('.jsonl') && Array.isArray(value)
    ? linesOf(value.filter((line) => typeof line === 'object' && line !== null))
    : JSON.stringify(value);

/** One import in which something is broken, the same for the same seed. */
export function brokenImport(seed: number): { kind: string; files: Files } {
  const random = new Random(seed);
  const source = structuredClone(sources[below(sources.length, random)] ?? {});
  const names = Object.keys(source);
  const name = pick(names, random) ?? '';
  const inValue = random.uint32() % 2 === 0;
  const kind = pick(Object.keys(inValue ? valueChanges : textChanges), random) ?? '';
  for (let times = 1 + below(3, random); inValue && times > 0; times -= 1)
    valueChanges[kind]?.(source[name], random);
  const files: Files = {};
  for (const [file, value] of Object.entries(source)) files[file] = textOf(file, value);
  const text = files[name];
  if (!inValue && typeof text === 'string') files[name] = textChanges[kind]?.(text, random) ?? text;
  if (random.uint32() % 4 > 0) return { kind, files };
  const entries = Object.entries(files).map(([file, content]) => [
    file,
    typeof content === 'string' ? strToU8(content) : content,
  ]);
  const zip = Uint8Array.from(zipSync(Object.fromEntries(entries)));
  const isBroken = random.uint32() % 2 === 0;
  const at = below(zip.length, random);
  if (isBroken) zip[at] = (zip[at] ?? 0) ^ (1 << below(8, random));
  return { kind: `${kind}, in a zip${isBroken ? ' with a changed bit' : ''}`, files: { 'chats.zip': zip } };
}

/** What holds after every import of a broken file, in words; null when all does. The store is empty again then. */
export async function faultOfImport(
  store: Store,
  files: Files,
): Promise<{ outcome: string; fault: string | null }> {
  const chosen = Object.entries(files).map(([name, content]) => fileOf(name, content));
  const from = Object.keys(files).some((name) => name.includes('/')) ? 'folder' : 'files';
  let outcome: string;
  let chats = 0;
  try {
    const report = await taken(store, chosen, from);
    ({ chats } = report);
    outcome = report.leftOut.length > 0 ? 'some taken' : 'taken';
  } catch (error) {
    outcome = reasonOf(error) ?? `failed: ${String(error)}`;
  }
  const ids = await store.transfer.ids(undefined);
  const fault = outcome.startsWith('failed')
    ? outcome
    : ids.length === chats
      ? await faultOfChats(store, ids)
      : `${outcome}: ${ids.length} chats are there, ${chats} are reported`;
  await store.trash.mark({ ids, anywhere: true });
  await purgeAll(store);
  return { outcome, fault };
}

function reasonOf(error: unknown): string | null {
  if (error instanceof BrokenZip) return 'broken zip';
  if (error instanceof NoChatsFound) return 'no chats';
  const reason =
    isAppError(error) && error.code === 'import_unreadable' ? error.data.details?.['reason'] : null;
  return v.is(ImportFailure, reason) ? reason : null;
}

/** Every chat that was taken opens, and is a tree. */
async function faultOfChats(store: Store, ids: readonly string[]): Promise<string | null> {
  for (const id of ids) {
    const { conversation, messages } = await store.conversations.get({ id });
    const known = new Set<string | null>([null]);
    for (const message of messages) {
      if (!known.has(message.parentId)) return 'a message hangs on one that is not there';
      known.add(message.id);
    }
    if (messages.length === 0 || messages.length !== conversation.messageCount) return 'a chat is not whole';
    if (!known.has(conversation.activeLeafId)) return 'the branch on screen has no end';
  }
  return null;
}
