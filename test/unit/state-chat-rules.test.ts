import { describe, expect, it } from 'vitest';
import { errorCodes, type ModelFile, type PrivacyState } from '../../src-main/contract/index.ts';
import { countWords, finishedSentences, plainText } from '../../src-renderer/screens/chat/announce.ts';
import { composerKey } from '../../src-renderer/screens/chat/composer-key.ts';
import { shortModelName } from '../../src-renderer/screens/chat/model-name.ts';
import { matchDroppedFile } from '../../src-renderer/screens/first-run/file-match.ts';
import { themeFor } from '../../src-renderer/shell/appearance.ts';
import { shieldState } from '../../src-renderer/shell/shield.ts';
import { pseudoText } from '../../src-renderer/texts/catalogue.ts';
import { failureText, stepLabels } from '../../src-renderer/texts/errors.ts';

describe('composerKey', () => {
  const press = (key: string, extra = {}) => ({
    key,
    shiftKey: false,
    ctrlKey: false,
    metaKey: false,
    altKey: false,
    isComposing: false,
    repeat: false,
    keyCode: 13,
    ...extra,
  });
  const enterSends = { sendWithEnter: true, mac: false };
  const ctrlSends = { sendWithEnter: false, mac: false };
  it.each([
    ['Enter', press('Enter'), enterSends, 'send'],
    ['Shift Enter', press('Enter', { shiftKey: true }), enterSends, 'type'],
    ['Ctrl Enter', press('Enter', { ctrlKey: true }), enterSends, 'send'],
    ['Enter that ends a composition', press('Enter', { isComposing: true }), enterSends, 'type'],
    ['the same in Safari', press('Enter', { keyCode: 229 }), enterSends, 'type'],
    ['Enter, setting off', press('Enter'), ctrlSends, 'type'],
    ['Ctrl Enter, setting off', press('Enter', { ctrlKey: true }), ctrlSends, 'send'],
    [
      'Command Enter on macOS',
      press('Enter', { metaKey: true }),
      { sendWithEnter: false, mac: true },
      'send',
    ],
    ['Ctrl Enter on macOS', press('Enter', { ctrlKey: true }), { sendWithEnter: false, mac: true }, 'type'],
    ['Enter held', press('Enter', { repeat: true }), enterSends, 'held'],
    ['Ctrl Enter held', press('Enter', { ctrlKey: true, repeat: true }), ctrlSends, 'held'],
    ['Shift Enter held', press('Enter', { shiftKey: true, repeat: true }), enterSends, 'type'],
    ['a letter', press('a'), enterSends, 'type'],
  ])('%s', (_name, event, options, meaning) => {
    expect(composerKey(event, options)).toBe(meaning);
  });
});

describe('announcements', () => {
  it('speaks whole sentences and remembers where it was', () => {
    const text = 'One. Two is longer! And the thi';
    const first = finishedSentences(text, 0);
    expect(first.spoken).toBe('One. Two is longer!');
    expect(finishedSentences(text, first.end).spoken).toBe('');
    expect(finishedSentences(`${text}rd one. x`, first.end).spoken).toBe('And the third one.');
  });
  it('does not stop inside a number', () => {
    expect(finishedSentences('It is 4.2 m', 0).spoken).toBe('');
  });
  it('reads Markdown without its marks, and no code', () => {
    expect(
      plainText('## Title\n\n- **bold** and `code`\n\n```js\nlet a = 1;\n```\n[name](https://x.org)'),
    ).toBe('Title bold and code name');
    expect(countWords('# Two words')).toBe(2);
    expect(countWords('')).toBe(0);
  });
});

describe('shortModelName', () => {
  it.each([
    ['Mistral 7B Instruct v0.3', 'Mistral 7B'],
    ['Qwen3 8B', 'Qwen3 8B'],
    ['gemma-3-4b-it', 'gemma-3-4b'],
    ['Ministral 8B Instruct 2410', 'Ministral 8B'],
    ['Instruct', 'Instruct'],
  ])('%s', (name, short) => {
    expect(shortModelName(name)).toBe(short);
  });
});

describe('matchDroppedFile', () => {
  const file = (fileName: string, sizeBytes: number): ModelFile => ({
    fileId: fileName,
    fileName,
    location: 'models',
    sizeBytes,
    modelId: null,
  });
  const files = [file('a.gguf', 100), file('big-00001-of-00003.gguf', 900)];
  it('finds a file by name and size, and a split file by any of its parts', () => {
    expect(matchDroppedFile(files, { name: 'A.gguf', size: 100 })).toMatchObject({ kind: 'found' });
    expect(matchDroppedFile(files, { name: 'big-00002-of-00003.gguf', size: 300 })).toMatchObject({
      file: { fileId: 'big-00001-of-00003.gguf' },
    });
  });
  it('does not take another file for it', () => {
    expect(matchDroppedFile(files, { name: 'a.gguf', size: 99 }).kind).toBe('not_found');
    expect(matchDroppedFile(files, { name: 'big-00001-of-00002.gguf', size: 900 }).kind).toBe('not_found');
    expect(matchDroppedFile(files, { name: 'a.safetensors', size: 100 }).kind).toBe('not_gguf');
  });
});

describe('shieldState', () => {
  const quiet: PrivacyState = {
    offline: false,
    offlineSince: null,
    sessionStartedAt: 0,
    connections: 0,
    refused: 0,
    lastRefusedAt: null,
    open: [],
  };
  const open = [{ host: 'huggingface.co', purpose: 'download' }];
  it.each([
    ['quiet', quiet, { kind: 'idle', connections: 0 }],
    ['connected', { ...quiet, open }, { kind: 'open', open: 1, host: 'huggingface.co' }],
    ['offline', { ...quiet, offline: true, refused: 2 }, { kind: 'offline', connections: 0, refused: 2 }],
    [
      'just refused',
      { ...quiet, offline: true, refused: 2, lastRefusedAt: 95_000 },
      { kind: 'blocked', refused: 2 },
    ],
    [
      'refused a while ago',
      { ...quiet, offline: true, refused: 2, lastRefusedAt: 1 },
      { kind: 'offline', connections: 0, refused: 2 },
    ],
  ])('%s', (_name, state, expected) => {
    expect(shieldState(state, 100_000, 10_000)).toEqual(expected);
  });
});

describe('texts', () => {
  it.each(errorCodes)('%s has a title, a sentence and steps with labels', (code) => {
    const shown = failureText(
      { code, details: { needBytes: 2 ** 33, freeBytes: 2 ** 32, architecture: 'x' } },
      'M',
    );
    expect(shown.title).not.toBe('');
    expect(shown.text).toMatch(/[.]$/);
    expect(`${shown.title}${shown.text}`).not.toMatch(/undefined|!|\[object/);
    for (const step of shown.steps) expect(stepLabels[step]).toMatch(/\w/);
  });
  it('tells the figures of a model that does not fit, and does without them', () => {
    const details = { needBytes: 10.1 * 2 ** 30, freeBytes: 7.3 * 2 ** 30 };
    expect(failureText({ code: 'model_not_enough_memory', details }, 'Qwen3 14B').text).toMatch(
      /^Qwen3 14B needs about 10[.,]1 GiB and 7[.,]3 GiB is free\./,
    );
    expect(failureText({ code: 'model_not_enough_memory', details: {} }).text).toMatch(
      /^This model needs more/,
    );
  });

  it('tells a chat that is too long from an answer that ran into the end of the context', () => {
    const failure = { code: 'context_full', details: { promptTokens: 700, contextSize: 4096 } } as const;
    const before = failureText(failure, 'Qwen3 14B');
    const after = failureText(failure, 'Qwen3 14B', true);
    expect(before.title).toBe('The chat is longer than the context');
    expect(after.title).toBe('The context is full, so the answer ends here');
    expect(after.text).toMatch(/context of 4,096 tokens\. What was written is kept\./);
    for (const shown of [before, after])
      expect(shown.steps).toEqual(['leave_out', 'new_chat', 'change_context']);
  });
  it('grows by a third in the pseudo-locale', () => {
    const text = 'Choose a model to start';
    expect(pseudoText(text).length).toBeGreaterThanOrEqual(Math.ceil(text.length * 1.35));
  });
});

describe('themeFor', () => {
  it('follows the system only when asked to', () => {
    expect([
      themeFor('system', true),
      themeFor('system', false),
      themeFor('light', true),
      themeFor('dark', false),
    ]).toEqual(['dark', 'light', 'light', 'dark']);
  });
});
