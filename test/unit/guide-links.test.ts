import { expect, test } from 'vitest';
import { takeLinks } from '../../src-renderer/lib/guide-links.ts';

test('links leave a text, one for each place; words that text follows stay', () => {
  const text = 'Open [Models](leeward:models), choose one. [Go there](leeward:models) [Help](leeward:help)';
  expect(takeLinks(text)).toEqual({
    text: 'Open Models, choose one.',
    links: [
      { label: 'Models', place: 'models' },
      { label: 'Help', place: 'help' },
    ],
  });
});

test('a link that is still coming is not shown', () => {
  expect(takeLinks('Open it. [Mod', true)).toEqual({ text: 'Open it.', links: [] });
  expect(takeLinks('Open it. [Models](leeward:mo', true).text).toBe('Open it.');
});
