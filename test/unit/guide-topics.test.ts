import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  DEFAULT_SAMPLING,
  DELETED_DAYS_IN_BACKUPS,
  MAX_ADAPTER_SCALE,
  MAX_ATTACHED_PAGES,
  TRASH_DAYS,
} from '../../src-main/contract/index.ts';
import { LONG_ANSWER_MS } from '../../src-main/electron/answer-notice.ts';
import topicsFile from '../../resources/guide/topics.json' with { type: 'json' };
import { TOAST_MS } from '../../src-renderer/components/toasts.svelte.ts';
import { takeLinks } from '../../src-renderer/lib/guide-links.ts';
import { chordOf, displayKeys, SHORTCUT_IDS } from '../../src-renderer/lib/shortcuts.ts';
import { isPlace } from '../../src-renderer/state/places.ts';
import { areaName } from '../../src-renderer/texts/help.ts';

// Help and the guide say what these topics say: what they name must be on the screen, word for word.

const { topics } = topicsFile;
/** A small model recites it, and a person reads it in one look. */
const MAX_WORDS = 48;

const textsFolder = fileURLToPath(new URL('../../src-renderer/texts/', import.meta.url));
/** The words of every control, as the source has them. */
const interfaceTexts = readdirSync(textsFolder)
  // Help quotes controls of others; it must not be its own witness.
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(`${textsFolder}${name}`, 'utf8'))
  .join('\n');
const isOnScreen = (control: string) =>
  [`'${control}'`, `'${control} …'`, `\`${control}, \${`, `\`${control} \${`].some((literal) =>
    interfaceTexts.includes(literal),
  );

/** What only Help says, with room for a list. */
const MAX_WORDS_OF_MORE = 100;

type Topic = (typeof topics)[number];

/** What the guide recites. */
const answersOf = ({ answer, variants, followUps }: Topic) => [
  answer,
  ...variants,
  ...followUps.map((followUp) => followUp.answer),
];
const moreOf = (topic: Topic) => ('more' in topic && typeof topic.more === 'string' ? topic.more : '');
const LIST_NUMBER = /^\d+\. /gmu;

/** As a person writes keys: Ctrl Shift O. */
const keysOf = (host: { mac: boolean; browserTab: boolean }) =>
  SHORTCUT_IDS.map((id) => displayKeys(chordOf(id, host), host).join(' '));
const knownKeys = new Set([
  ...keysOf({ mac: false, browserTab: false }),
  ...keysOf({ mac: false, browserTab: true }),
]);
/** Keys of a setting, which the list has in one of its two states only. */
const OTHER_KEYS = ['Ctrl Enter'];

const plain = (question: string) =>
  question
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();

describe('the topics of Help and the guide', () => {
  it('are at least 120, each with a name, a known area and ways to ask', () => {
    expect(topics.length).toBeGreaterThanOrEqual(120);
    expect(new Set(topics.map(({ id }) => id)).size).toBe(topics.length);
    for (const { id, title, area, questions } of topics) {
      expect(title, id).not.toBe('');
      expect(areaName(area), id).not.toBe(area);
      expect(questions.length, id).toBeGreaterThanOrEqual(4);
    }
  });

  it('no question leads to two topics', () => {
    const owners = new Map<string, string>();
    for (const { id, questions } of topics) {
      for (const question of questions) {
        expect(owners.get(plain(question)) ?? id, question).toBe(id);
        owners.set(plain(question), id);
      }
    }
  });

  it('answers are short', () => {
    const words = (text: string) => takeLinks(text).text.split(/\s+/u).length;
    for (const text of topics.flatMap(answersOf)) expect(words(text), text).toBeLessThanOrEqual(MAX_WORDS);
    for (const topic of topics) expect(words(moreOf(topic)), topic.id).toBeLessThanOrEqual(MAX_WORDS_OF_MORE);
  });

  it('every control that a topic names is on the screen', () => {
    const gone = topics.flatMap(({ id, controls }) =>
      controls.filter((control) => !isOnScreen(control)).map((control) => `${id}: ${control}`),
    );
    expect(gone).toEqual([]);
  });

  it('every shortcut that a topic names works', () => {
    const gone = topics.flatMap(({ id, shortcuts }) =>
      shortcuts
        .filter((keys) => !knownKeys.has(keys) && !OTHER_KEYS.includes(keys))
        .map((keys) => `${id}: ${keys}`),
    );
    expect(gone).toEqual([]);
  });

  it('every link leads somewhere, and every number is listed', () => {
    for (const topic of topics) {
      const { id, numbers } = topic;
      for (const text of [...answersOf(topic), moreOf(topic).replace(LIST_NUMBER, '')]) {
        const { text: words, links } = takeLinks(text);
        expect(words, id).not.toContain('leeward:');
        for (const { place } of links) expect(isPlace(place), `${id}: ${place}`).toBe(true);
        for (const [number] of words.matchAll(/\d[\d,.]*\d|\d/gu)) expect(numbers, id).toContain(number);
      }
    }
  });

  it('what a topic says it names stands in its text', () => {
    const absent = topics.flatMap((topic) => {
      const { id, controls, shortcuts } = topic;
      const text = [...answersOf(topic), moreOf(topic)].join(' ');
      return [...controls, ...shortcuts]
        .filter((named) => !text.includes(named))
        .map((named) => `${id}: ${named}`);
    });
    expect(absent).toEqual([]);
  });

  it.each([
    ['trash', `${TRASH_DAYS} days`],
    ['delete-forever', `up to ${DELETED_DAYS_IN_BACKUPS} days`],
    ['undo', `${TOAST_MS / 1_000} seconds`],
    ['delete-branch', `${TOAST_MS / 1_000} seconds`],
    ['notice-when-done', `${LONG_ANSWER_MS / 1_000} seconds`],
    ['temperature', `default is ${DEFAULT_SAMPLING.temperature}`],
    ['adapters', `0 to ${MAX_ADAPTER_SCALE};`],
    ['attach-file', `at most ${MAX_ATTACHED_PAGES} pages`],
  ])('%s says %s, as the app does', (id, words) => {
    const topic = topics.find((one) => one.id === id);
    expect(JSON.stringify(topic)).toContain(words);
  });
});
