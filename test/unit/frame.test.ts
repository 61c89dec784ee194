import { describe, expect, it } from 'vitest';
import { answerAsset } from '../../src-main/electron/assets.ts';
import { isFrameNavigationAllowed } from '../../src-main/electron/rules.ts';
import { contentSecurityPolicy, securityHeaders } from '../../src-main/server/security-headers.ts';
import {
  MAX_DIAGRAM_HEIGHT_PX,
  MAX_DIAGRAM_LENGTH,
  readDrawMessage,
  readFrameMessage,
} from '../../src-renderer/frame/messages.ts';
import { codeFileName } from '../../src-renderer/lib/markdown/highlight.ts';

const FRAME_POLICY =
  "sandbox allow-scripts; default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:; " +
  "frame-ancestors 'self'";

describe('the page that draws diagrams', () => {
  it('is sent with its own policy, and no other page is', () => {
    expect(securityHeaders('127.0.0.1:1', '/frame.html')['Content-Security-Policy']).toBe(FRAME_POLICY);
    for (const path of [
      '/',
      '/index.html',
      '/frame.js',
      '/frame',
      '/frame.html/',
      '/assets/frame.html',
      undefined,
    ])
      expect(securityHeaders(undefined, path)['Content-Security-Policy']).toBe(contentSecurityPolicy());
  });

  it('may load its script without an origin, and that alone', () => {
    const policy = (path?: string) => securityHeaders(undefined, path)['Cross-Origin-Resource-Policy'];
    expect(policy('/frame.js')).toBe('cross-origin');
    for (const path of ['/frame.html', '/', '/theme.js', '/assets/a.js', undefined])
      expect(policy(path)).toBe('same-origin');
  });

  it('has the same headers on the desktop', () => {
    const asset = { body: new Uint8Array([1]), type: 'text/html; charset=utf-8' };
    const assets = new Map([
      ['/frame.html', asset],
      ['/frame.js', asset],
      ['/index.html', asset],
    ]);
    const get = (path: string) => answerAsset({ url: `app://leeward${path}`, method: 'GET' }, assets).headers;
    expect(get('/frame.html')['Content-Security-Policy']).toBe(FRAME_POLICY);
    expect(get('/frame.js')['Cross-Origin-Resource-Policy']).toBe('cross-origin');
    expect(get('/index.html')['Content-Security-Policy']).toBe(contentSecurityPolicy());
    expect(get('/missing')['Content-Security-Policy']).toBe(contentSecurityPolicy());
  });

  it.each([
    ['app://leeward/frame.html', false, true],
    ['app://leeward/frame.html', true, false],
    ['app://leeward/', false, false],
    ['app://leeward/index.html', false, false],
    ['app://leeward/frame.html?x', false, false],
    ['app://leeward.evil/frame.html', false, false],
    ['https://example.com/frame.html', false, false],
    ['about:srcdoc', false, false],
    ['data:text/html,x', false, false],
    ['app://leeward/', true, true],
  ])('%s in a frame (main: %s): %s', (url, isMainFrame, allowed) => {
    expect(isFrameNavigationAllowed(url, isMainFrame)).toBe(allowed);
  });
});

describe('what is said to the frame and heard of it', () => {
  it('is read when it is of the form', () => {
    const draw = { type: 'draw', source: 'graph', theme: 'dark' };
    expect(readDrawMessage({ ...draw, more: 1 })).toEqual(draw);
    expect(readFrameMessage({ type: 'ready', x: 1 })).toEqual({ type: 'ready' });
    expect(readFrameMessage({ type: 'drawn', height: 10.2 })).toEqual({ type: 'drawn', height: 11 });
    expect(readFrameMessage({ type: 'drawn', height: 1e9 })).toEqual({
      type: 'drawn',
      height: MAX_DIAGRAM_HEIGHT_PX,
    });
  });

  it.each([
    null,
    'draw',
    {},
    { type: 'draw', source: 1, theme: 'dark' },
    { type: 'draw', source: 'x', theme: 'red' },
  ])('is not drawn: %j', (data) => expect(readDrawMessage(data)).toBeNull());

  it('is not drawn when it is too long', () => {
    const source = 'x'.repeat(MAX_DIAGRAM_LENGTH);
    expect(readDrawMessage({ type: 'draw', source, theme: 'dark' })).not.toBeNull();
    expect(readDrawMessage({ type: 'draw', source: `${source}x`, theme: 'dark' })).toBeNull();
  });

  it.each([
    null,
    7,
    { type: 'open', url: 'https://example.com' },
    { type: 'drawn' },
    { type: 'drawn', height: '10' },
    { type: 'drawn', height: -1 },
    { type: 'drawn', height: Number.NaN },
    { type: 'drawn', height: Infinity },
  ])('is not believed: %j', (data) => expect(readFrameMessage(data)).toBeNull());
});

it.each([
  ['python', 'code.py'],
  ['ts', 'code.ts'],
  ['c++', 'code.cpp'],
  ['mermaid', 'code.mmd'],
  ['', 'code.txt'],
  ['exe', 'code.txt'],
  ['../../x', 'code.txt'],
  ['constructor', 'code.txt'],
])('code in %j is saved as %s', (language, name) => expect(codeFileName(language)).toBe(name));
