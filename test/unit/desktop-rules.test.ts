import { describe, expect, it } from 'vitest';
import {
  appPathOf,
  externalAddress,
  isNavigationAllowed,
  isPermissionAllowed,
  isRequestAllowed,
  isSenderAllowed,
  isSpellCheckLocal,
} from '../../src-main/electron/rules.ts';

describe('isNavigationAllowed', () => {
  it.each([
    ['app://leeward/', true],
    ['app://leeward/index.html', true],
    ['app://leeward/#chat', true],
    ['app://leeward/?theme=dark', true],
    ['app://leeward', false],
    ['app://leeward/theme.js', false],
    ['app://leeward/index.html/', false],
    ['app://leeward/../index.html', false],
    ['app://leeward.evil/', false],
    ['app://leeward@evil/', false],
    ['app://evil/', false],
    ['APP://leeward/', false],
    ['https://leeward/', false],
    ['file:///etc/passwd', false],
    ['data:text/html,x', false],
    ['javascript:alert(1)', false],
    ['about:blank', false],
    ['', false],
  ])('%s: %s', (url, allowed) => {
    expect(isNavigationAllowed(url)).toBe(allowed);
  });
});

describe('appPathOf', () => {
  it.each([
    ['app://leeward/assets/a.js?v=1#x', '/assets/a.js'],
    ['app://leeward/..%2f', '/..%2f'],
    ['app://leeward:80/', null],
    ['app://other/assets/a.js', null],
  ])('%s is %s', (url, path) => {
    expect(appPathOf(url)).toBe(path);
  });
});

describe('isPermissionAllowed', () => {
  const ours = { permission: 'clipboard-sanitized-write', origin: 'app://leeward', isMainFrame: true };
  it.each([
    [ours, true],
    [{ ...ours, origin: 'app://leeward/' }, true],
    [{ ...ours, isMainFrame: false }, false],
    [{ ...ours, origin: 'https://leeward' }, false],
    [{ ...ours, origin: 'app://leeward.evil' }, false],
    [{ ...ours, origin: undefined }, false],
    [{ ...ours, origin: 'null' }, false],
  ])('%j: %s', (facts, allowed) => {
    expect(isPermissionAllowed(facts)).toBe(allowed);
  });

  // Every name of electron.d.ts 45 but the one.
  it.each(
    `ar automatic-fullscreen background-fetch background-sync captured-surface-control clipboard-read
    deprecated-sync-clipboard-read display-capture fileSystem fullscreen geolocation geolocation-approximate
    hand-tracking hid idle-detection keyboardLock local-fonts local-network local-network-access
    loopback-network media mediaKeySystem midi midiSysex nfc notifications openExternal payment-handler
    periodic-background-sync persistent-storage pointerLock screen-wake-lock sensors serial smart-card
    speaker-selection storage-access system-wake-lock top-level-storage-access usb vr web-app-installation
    web-printing window-management unknown`.split(/\s+/),
  )('%s is denied to our own page', (permission) => {
    expect(isPermissionAllowed({ ...ours, permission })).toBe(false);
  });
});

describe('externalAddress', () => {
  it.each([
    ['https://example.com/a?b#c', 'https://example.com/a?b#c'],
    ['HTTP://Example.com', 'http://example.com/'],
    // A lookalike shows itself: the letter а is Cyrillic.
    ['https://ex\u0430mple.com/', 'https://xn--exmple-4nf.com/'],
    ['https://example.com\u3002evil.org/', 'https://example.com.evil.org/'],
    ['https://example.com@evil.org/', null],
    ['https://user:secret@example.com/', null],
    ['https:\\\\example.com', null],
    ['https://example.com\\@evil.org', null],
    ['https:/example.com', null],
    ['https:///example.com', null],
    ['https://', null],
    ['https://exam\nple.com', null],
    ['https://example.com/\u202Egpj.exe', null],
    [' https://example.com', null],
    ['smb://server/share', null],
    ['ms-msdt:/id', null],
    ['ms-settings:privacy', null],
    ['search-ms:query=x', null],
    ['file:///C:/Windows/System32/calc.exe', null],
    ['javascript:alert(1)', null],
    ['data:text/html,x', null],
    ['mailto:a@example.com', null],
    ['app://leeward/', null],
    ['//example.com', null],
    ['', null],
    [`https://example.com/${'a'.repeat(3_000)}`, null],
  ])('%j is offered as %s', (raw, offered) => {
    expect(externalAddress(raw)).toBe(offered);
  });
});

describe('isRequestAllowed', () => {
  it.each([
    ['app://leeward/assets/a.js', true],
    ['blob:app://leeward/3f', true],
    ['data:image/png;base64,AAAA', true],
    ['data:text/html,x', false],
    ['blob:https://evil/3f', false],
    ['app://other/', false],
    ['https://example.com/', false],
    ['http://127.0.0.1:8080/', false],
    ['ws://127.0.0.1/', false],
    ['file:///etc/passwd', false],
    ['devtools://devtools/bundled/devtools_app.html', false],
  ])('%s: %s', (url, allowed) => {
    expect(isRequestAllowed(url, { devTools: false })).toBe(allowed);
  });

  it('lets the developer tools load their own page in development', () => {
    expect(isRequestAllowed('devtools://devtools/bundled/x.js', { devTools: true })).toBe(true);
  });
});

describe('isSenderAllowed', () => {
  const frame = { origin: 'app://leeward', isMain: true, isDetached: false };
  it.each([
    [frame, true],
    [{ ...frame, isMain: false }, false],
    [{ ...frame, isDetached: true }, false],
    [{ ...frame, origin: 'app://leeward/' }, false],
    [{ ...frame, origin: 'app://leeward.evil' }, false],
    [{ ...frame, origin: 'https://leeward' }, false],
    [{ ...frame, origin: 'null' }, false],
    [null, false],
  ])('%j: %s', (sender, allowed) => {
    expect(isSenderAllowed({ frame: sender })).toBe(allowed);
  });
});

describe('isSpellCheckLocal', () => {
  it.each([
    ['darwin', true],
    ['win32', true],
    ['linux', false],
    ['freebsd', false],
  ] as const)('%s: %s', (platform, local) => {
    expect(isSpellCheckLocal(platform)).toBe(local);
  });
});
