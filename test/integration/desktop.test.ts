import { fork } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { PROTOCOL_VERSION } from '../../src-main/contract/protocol.ts';
import { AppPage } from '../e2e/app-page.ts';
import { eventually, newestAnswer } from '../e2e/fixture.ts';
import { appFolders, startApp } from '../support/app-process.ts';
import { launchBrowser } from '../support/browser.ts';
import { connectSocket } from '../support/socket-client.ts';
import { DesktopProcess } from '../support/electron-stand-in/driver.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';

// The built main bundle and preload, unmodified, through the stand-in for Electron (`npm run build` first).

vi.setConfig({ testTimeout: 90_000 });

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

let cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  cleanups = [];
});

function startDesktop(folders = appFolders(), args: string[] = []) {
  const app = new DesktopProcess(['--data-dir', folders.dataDir, '--models-dir', folders.modelsDir, ...args]);
  cleanups.push(
    () => rmSync(folders.root, { recursive: true, force: true }),
    () => app.stop(),
  );
  return { app, folders };
}

async function openWindow(app: DesktopProcess): Promise<{ page: Page; view: AppPage; problems: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB' });
  context.setDefaultTimeout(20_000);
  cleanups.push(() => context.close());
  const problems: string[] = [];
  await context.exposeBinding('reportPolicyViolation', (_source, text: string) => void problems.push(text));
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      (globalThis as unknown as { reportPolicyViolation(text: string): void }).reportPolicyViolation(
        `${event.effectiveDirective} ${event.blockedURI}`,
      );
    });
  });
  context.on('weberror', (error) => problems.push(error.error().message));
  const page = await app.open(context);
  return { page, view: new AppPage(page), problems };
}

/** A folder with one scripted model, and the app on it with its window open. */
async function openWithModel(script = plainScript, extra: object = {}) {
  const started = startDesktop();
  const path = join(started.folders.modelsDir, 'harbour.gguf');
  await writeScriptedModel(path, { script, name: 'Harbour', ...extra });
  const opened = await openWindow(started.app);
  return { ...started, ...opened, path };
}

describe('the desktop host', () => {
  it('boots, chats with a model, and a quit writes everything', async () => {
    const { app, folders, view, problems } = await openWithModel();
    await view.addAndChat('harbour').click();
    await view.chipSays('Ready').waitFor();
    await view.ask('Hello');
    await view.answered(1);
    expect(await view.lastAnswer.innerText()).toContain('I give the same answer to everybody.');
    expect(problems).toEqual([]);
    expect(await app.quit()).toBe(0);
    expect(existsSync(join(folders.dataDir, 'leeward.lock'))).toBe(false);
    expect(JSON.parse(readFileSync(join(folders.dataDir, 'settings.json'), 'utf8'))).toMatchObject({
      firstRunDone: true,
    });
    expect(existsSync(join(folders.dataDir, 'window-state.json'))).toBe(true);
  });

  it('keeps the running answer when it quits in the middle, and stays awake meanwhile', async () => {
    const { app, folders, view } = await openWithModel(plainScript, {
      thenStop: false,
      contextLength: 65_536,
    });
    await view.addAndChat('harbour').click();
    await view.chipSays('Ready').waitFor();
    await view.ask('Go on and on');
    await app.seen('awake', (on) => on === true);
    await eventually(async () => (await view.lastAnswer.innerText()).length).toBeGreaterThan(200);
    const shown = (await view.lastAnswer.innerText()).slice(0, 100);
    expect(await app.quit()).toBe(0);

    // The same folder in the browser host: the same chats, the same settings.
    const serve = await startApp(folders);
    cleanups.push(() => serve.stop());
    const { client, close } = await connectSocket(serve.url);
    cleanups.push(close);
    const { answer } = await newestAnswer(client);
    expect(answer.status).toBe('interrupted');
    expect(answer.text.length).toBeGreaterThan(200);
    expect(answer.text).toContain(shown.split('\n').at(-1)?.slice(0, 10));
    expect((await client.settings.get()).firstRunDone).toBe(true);
  });

  it('comes back where it was: chats, settings, window', async () => {
    const { app, folders, view, page } = await openWithModel();
    await view.lookAround.click();
    await view.composer.waitFor();
    app.link.notify('window.resize', {
      windowId: 1,
      bounds: { x: 300, y: 200, width: 1000, height: 700 },
    });
    expect(app.windows[0]?.options).toMatchObject({ width: 1200, height: 800 });
    expect(await app.quit()).toBe(0);
    expect(page.isClosed()).toBe(true);

    const again = startDesktop(folders);
    const { view: second } = await openWindow(again.app);
    await second.composer.waitFor();
    expect(await second.firstRun.count()).toBe(0);
    expect(again.app.windows[0]?.options).toMatchObject({ x: 300, y: 200, width: 1000, height: 700 });
    expect(await again.app.stop()).toBe(0);
  });
});

// Each rule for Electron's switches and handlers: test/unit/desktop-security-table.test.ts lists what shows which.

describe('isolation', () => {
  it('every switch of the window is set, and the scheme and the sandbox come before ready', async () => {
    const { app } = startDesktop();
    await openWindow(app);
    expect(app.windows[0]?.options.webPreferences).toMatchObject({
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      allowRunningInsecureContent: false,
      experimentalFeatures: false,
      webviewTag: false,
      plugins: false,
      navigateOnDragDrop: false,
      spellcheck: process.platform !== 'linux',
    });
    const order = app.recorded.map(({ what }) => what);
    expect(order.slice(0, 2)).toEqual(['enableSandbox', 'schemes']);
    expect(await app.seen('schemes')).toEqual({
      app: { standard: true, secure: true, supportFetchAPI: true, codeCache: true },
    });
    expect(await app.seen('spellChecker')).toBe(process.platform !== 'linux');
    // Before ready too: the stand-in refuses it later.
    expect(await app.seen('switch')).toEqual({ 'host-resolver-rules': 'MAP * ~NOTFOUND' });
    expect(await app.seen('webRTC')).toBe('disable_non_proxied_udp');
    // electron-store's offer to renderers is taken back.
    expect(await app.link.request('ipcMain.channels')).toEqual([]);
  });

  it('the page gets one function and nothing of Electron or Node', async () => {
    const { app } = startDesktop();
    const context = await browser.newContext();
    cleanups.push(() => context.close());
    const page = await app.open(context);
    const plain = await browser.newContext();
    cleanups.push(() => plain.close());
    const bare = await plain.newPage();
    // The same kind of origin, without preload and app.
    await bare.route('**/*', (route) => route.fulfill({ contentType: 'text/html', body: '<html></html>' }));
    await bare.goto('https://leeward.invalid/');
    const names = () => Object.getOwnPropertyNames(globalThis);
    const before = new Set(await bare.evaluate(names));
    const added = (await page.evaluate(names)).filter((name) => !before.has(name));
    expect(added.filter((name) => !/^(__svelte|reportPolicy)/.test(name))).toEqual(['leeward']);
    expect(
      await page.evaluate(() => ({
        kind: typeof window.leeward,
        keys: Object.keys(window.leeward ?? {}),
        require: typeof (globalThis as Record<string, unknown>)['require'],
        process: typeof (globalThis as Record<string, unknown>)['process'],
      })),
    ).toEqual({ kind: 'function', keys: [], require: 'undefined', process: 'undefined' });
  });

  it('sends the policy, which stops inline scripts, eval and foreign addresses', async () => {
    const { app } = startDesktop();
    const { page, view, problems } = await openWindow(app);
    await view.firstRun.waitFor();
    expect(problems).toEqual([]);
    const outcome = await page.evaluate(async () => {
      const script = document.createElement('script');
      script.textContent = 'window.pwned = true';
      document.body.append(script);
      const frame = document.createElement('iframe');
      frame.src = 'https://example.com/';
      document.body.append(frame);
      const fetched = await fetch('https://example.com/').then(
        () => 'fetched',
        () => 'refused',
      );
      return { pwned: 'pwned' in window, fetched };
    });
    expect(outcome).toEqual({ pwned: false, fetched: 'refused' });
    const reported = () => problems.join('\n');
    await eventually(reported).toMatch(/script-src-elem inline/);
    await eventually(reported).toMatch(/connect-src https:\/\/example.com/);
    await eventually(reported).toMatch(/frame-src https:\/\/example.com/);
  });

  it('stays where it is: navigation, new windows, downloads', async () => {
    const { app, folders } = startDesktop();
    const { page, view } = await openWindow(app);
    await view.firstRun.waitFor();
    const address = page.url();
    for (const target of ['https://example.com/', 'https://leeward.invalid/theme.js']) {
      await page.evaluate((url) => void (location.href = url), target);
      await page.evaluate((url) => void window.open(url), target);
    }
    await eventually(() => page.context().pages().length).toBe(1);
    expect(page.url()).toBe(address);
    await view.firstRun.waitFor();
    for (const event of ['will-navigate', 'will-frame-navigate', 'will-redirect', 'will-attach-webview']) {
      const details = { url: 'https://example.com/', isMainFrame: true };
      expect(await app.link.request('contents.fire', { windowId: 1, event, details }), event).toBe(true);
    }
    const own = { windowId: 1, event: 'will-navigate', details: { url: 'app://leeward/' } };
    expect(await app.link.request('contents.fire', own)).toBe(false);
    expect(await app.link.request('window.open', { windowId: 1, url: 'app://leeward/' })).toEqual({
      action: 'deny',
    });
    expect(await app.link.request('download', 'https://evil.example/x.exe')).toBe(true);
    expect(await app.link.request('download', 'blob:https://evil.example/1')).toBe(true);
    expect(await app.link.request('download', 'blob:app://leeward/1')).toBe(false);
    const log = readFileSync(join(folders.dataDir, 'logs', 'leeward.log'), 'utf8');
    expect(log).toContain('navigation.refused');
    expect(log).toContain('window.refused');
    expect(log).not.toContain('example.com');
  });

  it('main asks Electron for nothing that reports, updates or fetches by itself', () => {
    const bundle = readFileSync(new URL('../../out/main/main.js', import.meta.url), 'utf8');
    const imported = [...bundle.matchAll(/^import \{([^}]*)\} from ["']electron["'];$/gm)]
      .flatMap(([, names = '']) => names.split(','))
      .map((name) => name.trim().replace(/ as .*/, ''));
    expect(imported).toContain('app');
    const talkative = ['autoUpdater', 'contentTracing', 'crashReporter', 'net', 'netLog', 'webFrameMain'];
    expect(talkative.filter((name) => imported.includes(name))).toEqual([]);
    // The whole module would bring them all.
    expect(bundle).not.toMatch(/^import (\w+|\* as \w+)(,| from) ?["']electron["']/m);
  });

  it('a reload is our own page again, on a new port', async () => {
    const { app } = startDesktop();
    const { page, view } = await openWindow(app);
    await view.lookAround.click();
    await view.composer.waitFor();
    await page.reload();
    await view.composer.waitFor();
    await view.rail('Settings').click();
    await view.button('Privacy').first().waitFor();
  });

  it.each([
    ['clipboard-sanitized-write', 'app://leeward', true, true],
    ['clipboard-sanitized-write', 'app://leeward', false, false],
    ['clipboard-sanitized-write', 'https://evil.example', true, false],
    ['clipboard-read', 'app://leeward', true, false],
    ['media', 'app://leeward', true, false],
    ['geolocation', 'app://leeward', true, false],
    ['notifications', 'app://leeward', true, false],
    ['openExternal', 'app://leeward', true, false],
    ['fileSystem', 'app://leeward', false, false],
    ['hid', 'app://leeward', true, false],
  ])('permission %s of %s, main frame %s: %s', async (permission, origin, isMainFrame, allowed) => {
    const app = await sharedApp();
    const facts = { permission, origin, url: `${origin}/`, isMainFrame };
    expect(await app.link.request('permission.request', facts)).toBe(allowed);
    expect(await app.link.request('permission.check', facts)).toBe(allowed);
    expect(await app.link.request('permission.device')).toBe(false);
    expect(await app.link.request('permission.displayMedia')).toBeNull();
  });

  it.each([
    ['https://example.com/', true],
    ['http://127.0.0.1:11434/api', true],
    ['ws://localhost/', true],
    ['file:///etc/passwd', true],
    ['app://leeward/theme.js', false],
  ])('a request for %s is cancelled: %s', async (url, cancel) => {
    const app = await sharedApp();
    expect(await app.link.request('request.check', { url, resourceType: 'xhr' })).toEqual({ cancel });
  });
});

describe('the port', () => {
  it('is refused to a frame that is gone or inside the page, and to every other origin', async () => {
    const { app, folders } = startDesktop();
    const { view } = await openWindow(app);
    await view.firstRun.waitFor();
    const before = app.posted;
    const timesLogged = (event: string) =>
      readFileSync(join(folders.dataDir, 'logs', 'leeward.log'), 'utf8').split(event).length - 1;
    const strangers = [
      ['a frame that is gone', null],
      ['a frame inside the page', { origin: 'app://leeward', url: 'app://leeward/', isMain: false }],
      ['another origin', { origin: 'https://evil.example', url: 'https://evil.example/', isMain: true }],
      ['a lookalike', { origin: 'app://leeward.evil', url: 'app://leeward.evil/', isMain: true }],
      ['no origin', { origin: 'null', url: '', isMain: true }],
    ] as const;
    for (const [index, [who, frame]] of strangers.entries()) {
      app.sendFrom(1, frame, 'leeward:port');
      expect(
        await app.link.request('ipc.invoke', {
          windowId: 1,
          frame,
          channel: 'leeward:files',
          message: [join(folders.modelsDir, 'a.gguf')],
        }),
        who,
      ).toEqual([]);
      await eventually(() => timesLogged('port.refused'), who).toBe(index + 1);
      expect(timesLogged('files.refused'), who).toBe(index + 1);
      expect(app.posted, who).toBe(before);
    }
    // The page's own port is not touched by it.
    await view.lookAround.click();
    await view.composer.waitFor();
  });

  it('takes no hello with a token and no rubbish, and one port replaces the other', async () => {
    const { app, folders } = startDesktop();
    const { page, view } = await openWindow(app);
    await view.firstRun.waitFor();
    // The page without its app, which would ask for ports of its own.
    await page.route('**/assets/*.js', (route) => route.abort());
    await page.reload();
    /** Asks for a port, says one thing and gives what was heard until the port was closed. */
    const say = (first: string, again = false) =>
      page.evaluate(
        async ({ text, twice }) => {
          const next = () =>
            new Promise<MessagePort>((resolve) => {
              const take = (event: MessageEvent) => {
                const [port] = event.ports;
                if (event.data !== 'leeward:port' || !port) return;
                window.removeEventListener('message', take);
                resolve(port);
              };
              window.addEventListener('message', take);
              void window.leeward?.();
            });
          const port = await next();
          const heard: string[] = [];
          const closed = new Promise<void>((resolve) => port.addEventListener('close', () => resolve()));
          const answered = new Promise<void>((resolve) => {
            port.onmessage = ({ data }) => {
              heard.push(String(data));
              resolve();
            };
          });
          port.postMessage(text);
          await answered;
          if (twice) await next();
          await closed;
          return heard;
        },
        { text: first, twice: again },
      );
    const hello = { leeward: 'hello', protocol: PROTOCOL_VERSION };
    const refusal = (code: string) => [JSON.stringify({ leeward: 'error', code })];
    expect(await say(JSON.stringify({ ...hello, token: 'guess' }))).toEqual(refusal('unauthorized'));
    expect(await say('rubbish')).toEqual(refusal('malformed_frame'));
    expect(await say(JSON.stringify({ ...hello, protocol: 0 }))).toEqual(refusal('protocol_mismatch'));
    expect(await say(JSON.stringify(hello), true)).toEqual([
      JSON.stringify({ leeward: 'ready', protocol: PROTOCOL_VERSION }),
    ]);
    const log = readFileSync(join(folders.dataDir, 'logs', 'leeward.log'), 'utf8');
    expect(log).toContain('"reason":"unauthorized"');
    await page.unroute('**/assets/*.js');
    await page.reload();
    await view.lookAround.click();
    await view.composer.waitFor();
  });
});

describe('the port dies with the frame', () => {
  it('one is open at a time: after a reload, after another was asked for, and none without a page', async () => {
    const { app } = startDesktop();
    const { page, view } = await openWindow(app);
    const open = () => app.link.request<number[]>('ports.open');
    await view.lookAround.click();
    await view.composer.waitFor();
    const [first] = await open();
    expect(await open()).toHaveLength(1);
    await page.reload();
    await view.composer.waitFor();
    const [second] = await open();
    expect(await open()).toHaveLength(1);
    expect(second).not.toBe(first);
    app.losesPorts = true;
    const ended = { reason: 'killed', exitCode: 9 };
    const details = { windowId: 1, event: 'render-process-gone', details: {}, args: [ended] };
    await app.link.request('contents.fire', details);
    await eventually(open).not.toContain(second);
  });

  it('a browser is never asked to open an address by the browser host', async () => {
    const folders = appFolders();
    const serve = await startApp(folders);
    cleanups.push(() => serve.dispose());
    const { client, close } = await connectSocket(serve.url);
    cleanups.push(close);
    await expect(client.system.openExternal({ address: 'https://example.com/' })).rejects.toMatchObject({
      code: 'invalid_input',
    });
  });
});

describe('the stand-in', () => {
  it('throws on what it does not have, and refuses what Electron refuses', async () => {
    const failing = (code: string) =>
      new Promise<string>((resolve) => {
        const child = fork(
          fileURLToPath(new URL('../support/electron-stand-in/run-snippet.ts', import.meta.url)),
          [code],
          {
            execArgv: ['--import', new URL('../support/electron-stand-in/register.ts', import.meta.url).href],
            stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
            serialization: 'advanced',
          },
        );
        let errors = '';
        child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text));
        child.on('close', () => resolve(errors));
      });
    const [api, event, option, late] = await Promise.all([
      failing('electron.app.setBadgeCount(3)'),
      failing("electron.app.on('gpu-info-update', () => {})"),
      failing('new electron.BrowserWindow({ frame: false, webPreferences: {} })'),
      failing('await electron.app.whenReady(); electron.app.enableSandbox()'),
    ]);
    expect(api).toContain('The Electron stand-in has no app.setBadgeCount.');
    expect(event).toContain('The Electron stand-in never emits app "gpu-info-update".');
    expect(option).toContain('The Electron stand-in has no option frame of BrowserWindow.');
    expect(late).toContain('should be called before app is ready');
  });

  it('is known to nothing of the app, neither its sources nor what is built', () => {
    const root = fileURLToPath(new URL('../../', import.meta.url));
    const files = ['src-main', 'out/main', 'out/preload'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && /\.(ts|c?js)$/.test(entry.name))
        .map((entry) => join(entry.parentPath, entry.name)),
    );
    expect(files.map((file) => relative(root, file))).toEqual(
      expect.arrayContaining(['src-main/main.ts', 'out/main/main.js', 'out/preload/preload.cjs']),
    );
    expect(files.filter((file) => /stand-?in\b|stand_in/i.test(readFileSync(file, 'utf8')))).toEqual([]);
  });
});

describe('the system', () => {
  it('menus run commands in the page', async () => {
    const { app } = startDesktop();
    const { view } = await openWindow(app);
    await view.lookAround.click();
    await view.composer.waitFor();
    app.link.notify('menu.click', { id: 'models' });
    await view.page.getByRole('heading', { name: 'Models', level: 1 }).waitFor();
    app.link.notify('menu.click', { id: 'settings' });
    await view.page.getByRole('heading', { name: 'Settings' }).first().waitFor();
    app.link.notify('menu.click', { id: 'newChat' });
    await view.composer.waitFor();
  });

  it('a right click in a field offers cut, copy, paste and corrections, and none where there is nothing', async () => {
    const { app } = startDesktop();
    const { view } = await openWindow(app);
    await view.lookAround.click();
    await view.composer.waitFor();
    const { x = 0, y = 0 } = (await view.composer.boundingBox()) ?? {};
    const editFlags = { canCut: false, canCopy: false, canPaste: true, canSelectAll: true };
    const place = { x, y, frame: null, menuSourceType: 'mouse', selectionText: '', editFlags };
    const rightClick = (params: object) =>
      app.link.request('contents.fire', {
        windowId: 1,
        event: 'context-menu',
        details: {},
        args: [{ ...place, isEditable: false, misspelledWord: '', dictionarySuggestions: [], ...params }],
      });
    await rightClick({});
    expect(app.recorded.some(({ what }) => what === 'popup')).toBe(false);
    await rightClick({
      isEditable: true,
      misspelledWord: 'harbor',
      dictionarySuggestions: ['harbour', 'arbour'],
    });
    expect(await app.seen('popup')).toMatchObject({
      x,
      y,
      sourceType: 'mouse',
      items: [
        { label: 'harbour' },
        { label: 'arbour' },
        { type: 'separator' },
        { role: 'cut', label: 'Cut', enabled: false },
        { role: 'copy', label: 'Copy', enabled: false },
        { role: 'paste', label: 'Paste', enabled: true },
        { type: 'separator' },
        { role: 'selectAll', label: 'Select all', enabled: true },
      ],
    });
    await app.link.request('popup.click', { label: 'arbour' });
    expect(await app.seen('replaceMisspelling')).toBe('arbour');
  });

  it('picks files through the dialog; a path never reaches the page', async () => {
    const { app, folders } = startDesktop();
    const elsewhere = join(folders.root, 'downloads');
    mkdirSync(elsewhere);
    const path = join(elsewhere, 'picked.gguf');
    await writeScriptedModel(path, { script: plainScript, name: 'Picked' });
    app.pickFiles = () => [path];
    const { view, page } = await openWindow(app);
    await view.button(/Open file/, false).click();
    await view.chipSays('Ready').waitFor();
    expect(await view.chip.innerText()).toContain('Picked');
    expect(await page.content()).not.toContain(elsewhere);
  });

  it('lets a dropped file in from anywhere', async () => {
    const { app, folders } = startDesktop();
    const elsewhere = join(folders.root, 'desktop');
    mkdirSync(elsewhere);
    const path = join(elsewhere, 'dropped.gguf');
    await writeScriptedModel(path, { script: plainScript, name: 'Dropped' });
    const { view } = await openWindow(app);
    await view.firstRun.waitFor();
    const { size } = statSync(path);
    // A file of the page's own making has no path.
    await view.drop(view.dropZone, { name: 'dropped.gguf', sizeBytes: size });
    await view.card('dropped.gguf is outside the allowed folders').waitFor();
    await app.backFile(path);
    await view.drop(view.dropZone, { name: 'dropped.gguf', sizeBytes: size });
    await view.chipSays('Ready').waitFor();
    expect(await view.chip.innerText()).toContain('Dropped');
  });

  it('opens the files that it is started with, and those of a second start', async () => {
    const folders = appFolders();
    const elsewhere = join(folders.root, 'else where');
    mkdirSync(elsewhere);
    const first = join(elsewhere, 'first.gguf');
    const second = join(elsewhere, 'second.gguf');
    await writeScriptedModel(first, { script: plainScript, name: 'First' });
    await writeScriptedModel(second, { script: plainScript, name: 'Second' });
    const { app } = startDesktop(folders, [first]);
    const { page } = await openWindow(app);
    await page.getByRole('heading', { name: 'First', exact: true }).first().waitFor();
    const again = new DesktopProcess(['--data-dir', folders.dataDir, second]);
    expect(await again.exited).toBe(0);
    expect(again.windows).toEqual([]);
    await page.getByRole('heading', { name: 'Second', exact: true }).first().waitFor();
    await app.seen('focus');
    // macOS hands files over as events.
    app.link.notify('app.emit', { event: 'open-file', args: [first] });
    await page.getByRole('heading', { name: 'First', exact: true }).first().waitFor();
  });

  it('asks before it opens an address, shows it whole, and refuses what starts programs', async () => {
    const script = plainScript;
    const { app, view } = await openWithModel(script);
    await view.firstRun.waitFor();
    const boxes: { detail?: string; defaultId?: number }[] = [];
    let answer = 1;
    app.answerBox = (options) => {
      boxes.push(options);
      return answer;
    };
    const open = (address: string) => app.side.client.system.openExternal({ address });
    expect(await open('https://example.com/a?b=c#d')).toEqual({ opened: false });
    expect(boxes[0]).toMatchObject({ detail: 'https://example.com/a?b=c#d', defaultId: 1, cancelId: 1 });
    answer = 0;
    expect(await open('https://ex\u0430mple.com/')).toEqual({ opened: true });
    expect(boxes[1]?.detail).toBe('https://xn--exmple-4nf.com/');
    expect(await app.seen('openExternal')).toBe('https://xn--exmple-4nf.com/');
    for (const address of ['file:///etc/passwd', 'smb://a/b', 'ms-msdt:x', 'javascript:1'])
      expect(await open(address)).toEqual({ opened: false });
    expect(boxes).toHaveLength(2);
  });

  it('native parts follow the theme', async () => {
    const { app } = startDesktop();
    const { view } = await openWindow(app);
    await view.firstRun.waitFor();
    expect(await app.seen('theme')).toBe('system');
    await app.side.client.settings.update({ theme: 'dark' });
    expect(await app.seen('theme', (theme) => theme === 'dark')).toBe('dark');
  });

  it('says why it cannot start, and leaves nothing behind', async () => {
    const folders = appFolders();
    const serve = await startApp(folders);
    cleanups.push(() => serve.dispose());
    const app = new DesktopProcess(['--data-dir', folders.dataDir]);
    expect(await app.exited).toBe(1);
    expect(app.recorded.find(({ what }) => what === 'errorBox')?.value).toMatchObject({
      title: 'Leeward could not start',
      content: expect.stringContaining(folders.dataDir) as string,
    });
    expect(app.windows).toEqual([]);

    const file = join(folders.root, 'a file');
    writeFileSync(file, '');
    const other = new DesktopProcess(['--data-dir', file]);
    expect(await other.exited).toBe(1);
    expect(other.recorded.find(({ what }) => what === 'errorBox')?.value).toMatchObject({
      content: expect.stringContaining('cannot be used') as string,
    });
  });

  it('the end of the session and of the system is a quit in order', async () => {
    const { app, folders } = startDesktop();
    await openWindow(app);
    app.link.notify('power.emit', { event: 'suspend' });
    app.link.notify('power.emit', { event: 'shutdown' });
    expect(await app.exited).toBe(0);
    expect(existsSync(join(folders.dataDir, 'leeward.lock'))).toBe(false);
    expect(readFileSync(join(folders.dataDir, 'logs', 'leeward.log'), 'utf8')).toContain('power.suspend');
  });
});

let shared: DesktopProcess | null = null;
/** One app for the tables that only ask its handlers. */
async function sharedApp(): Promise<DesktopProcess> {
  if (shared !== null) return shared;
  const folders = appFolders();
  shared = new DesktopProcess(['--data-dir', folders.dataDir]);
  const context = await browser.newContext();
  await shared.open(context);
  const started = shared;
  sharedEnd = async () => {
    await started.stop();
    await context.close();
    rmSync(folders.root, { recursive: true, force: true });
  };
  return shared;
}
let sharedEnd = async () => {};
afterAll(() => sharedEnd());
