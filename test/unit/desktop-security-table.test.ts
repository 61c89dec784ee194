import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

// Each rule for Electron's switches and handlers, and the tests that show it. What only a real Electron shows is a
// spec of test/e2e/electron.test.ts, which is skipped by name where no Electron can be run.

const UNIT = 'test/unit/desktop-rules.test.ts';
const FILES = 'test/unit/desktop-files.test.ts';
const DESKTOP = 'test/integration/desktop.test.ts';
const REAL = 'test/e2e/electron.test.ts';
const PACKAGED = 'test/packaged/packaged.test.ts';

const table: [rule: string, shownBy: [file: string, test: string][]][] = [
  [
    'sandbox on for all windows, context isolation on, no Node in the page, no webview, webSecurity on',
    [
      [DESKTOP, 'every switch of the window is set, and the scheme and the sandbox come before ready'],
      [REAL, 'runs every page in Chromium’s sandbox, without Node'],
    ],
  ],
  [
    'page from app://leeward/ (standard, secure), served from a build-time list of files; file: blocked',
    [
      [FILES, 'answers 404 with the policy for %j'],
      [DESKTOP, 'a request for %s is cancelled: %s'],
      [REAL, 'refuses file:, foreign pages and other hosts from the loader itself'],
    ],
  ],
  [
    'CSP as a header',
    [
      [FILES, 'has the policy of design/security.md word for word'],
      [DESKTOP, 'sends the policy, which stops inline scripts, eval and foreign addresses'],
      [REAL, 'loads app://leeward with the policy in force, and a port reaches the core'],
    ],
  ],
  [
    'permission request and check handlers deny all but sanitized clipboard write',
    [
      [UNIT, '%s is denied to our own page'],
      [DESKTOP, 'permission %s of %s, main frame %s: %s'],
      [REAL, 'stays on its page: no navigation, window, frame or webview, and no permission but the one'],
    ],
  ],
  [
    'navigation, redirects, new windows denied; external links only http(s), full address shown first, never from serve mode',
    [
      [UNIT, '%j is offered as %s'],
      [DESKTOP, 'stays where it is: navigation, new windows, downloads'],
      [DESKTOP, 'asks before it opens an address, shows it whole, and refuses what starts programs'],
      [DESKTOP, 'a browser is never asked to open an address by the browser host'],
      [REAL, 'stays on its page: no navigation, window, frame or webview, and no permission but the one'],
    ],
  ],
  [
    'port hand-over checks sender frame, main frame and exact origin; the port dies with the frame',
    [
      [UNIT, 'isSenderAllowed'],
      [DESKTOP, 'is refused to a frame that is gone or inside the page, and to every other origin'],
      [DESKTOP, 'takes no hello with a token and no rubbish, and one port replaces the other'],
      [
        DESKTOP,
        'one is open at a time: after a reload, after another was asked for, and none without a page',
      ],
      [REAL, 'a port tells both ends of its end: main when the frame reloads, the page when main closes it'],
    ],
  ],
  [
    'preload exposes one function; no ipcRenderer, no event objects',
    [
      [DESKTOP, 'the page gets one function and nothing of Electron or Node'],
      [
        REAL,
        'a file that a person chose crosses the bridge with its path, and one of the page’s making has none',
      ],
    ],
  ],
  [
    'session-level request filter cancels everything but app:',
    [
      [UNIT, 'isRequestAllowed'],
      [DESKTOP, 'a request for %s is cancelled: %s'],
      [REAL, 'Chromium resolves no host, gathers no UDP candidate and opens no connection'],
    ],
  ],
  [
    'spell checker on where the system brings it (macOS, Windows), off where it would fetch dictionaries; no crash upload, no telemetry, no auto-update unless switched on',
    [
      [UNIT, 'isSpellCheckLocal'],
      [DESKTOP, 'main asks Electron for nothing that reports, updates or fetches by itself'],
      [REAL, 'everything that it writes lies in the data folder (skipped: not Linux)'],
      [REAL, 'Chromium resolves no host, gathers no UDP candidate and opens no connection'],
    ],
  ],
  [
    'fuses: runAsNode off, NODE_OPTIONS off, inspect off, only-load-from-asar on, asar integrity on, file-protocol privileges off',
    [
      [PACKAGED, 'has the fuses of design/security.md'],
      [REAL, 'is no plain Node: runAsNode, NODE_OPTIONS and --inspect are off'],
      [REAL, 'refuses an archive that was changed (skipped on Linux: Electron checks none there)'],
    ],
  ],
];

const root = join(import.meta.dirname, '..', '..');

const STARTS = new Set(['describe', 'it', 'test']);
const NEVER = new Set(['skip', 'todo']);

/** What stands between `it` and the name in `it.each(…)('name')`; null where a call is none of a test. */
function modifiersOf(callee: ts.Expression): string[] | null {
  if (ts.isIdentifier(callee)) return STARTS.has(callee.text) ? [] : null;
  if (ts.isCallExpression(callee)) return modifiersOf(callee.expression);
  if (!ts.isPropertyAccessExpression(callee)) return null;
  const before = modifiersOf(callee.expression);
  return before === null ? null : [...before, callee.name.text];
}

/** Names of the suites and tests in a source that run somewhere: neither they nor what is around them is skipped. */
function testsIn(source: string): string[] {
  const names: string[] = [];
  const visit = (node: ts.Node): void => {
    const modifiers = ts.isCallExpression(node) ? modifiersOf(node.expression) : null;
    if (modifiers?.some((modifier) => NEVER.has(modifier))) return;
    const [name] = modifiers !== null && ts.isCallExpression(node) ? node.arguments : [];
    if (name !== undefined && ts.isStringLiteralLike(name)) names.push(name.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('', source, ts.ScriptTarget.Latest));
  return names;
}

describe('the Electron table of design/security.md', () => {
  it.each(table)('%s', (_rule, shownBy) => {
    for (const [file, name] of shownBy) {
      const path = join(root, file);
      expect(existsSync(path), file).toBe(true);
      expect(testsIn(readFileSync(path, 'utf8')), `${file} has the test`).toContain(name);
    }
  });

  it('does not count a test that is skipped or still to do', () => {
    const source = `
      describe.skipIf(no)('suite', () => {
        it('one', () => {});
        it.skip('two', () => {});
        it.todo('three');
        it.skip.each([1])('four', () => {});
        it.each([['five']])('six', () => {});
        it.skipIf(no)('seven', () => {});
      });
      describe.skip('eight', () => it('nine', () => {}));
      // it('ten')
    `;
    expect(testsIn(source)).toEqual(['suite', 'one', 'six', 'seven']);
  });

  it('has ten rules, each shown without a real Electron as far as that can be', () => {
    expect(table).toHaveLength(10);
    for (const [rule, shownBy] of table)
      expect(
        shownBy.some(([file]) => file !== REAL),
        rule,
      ).toBe(true);
  });
});
