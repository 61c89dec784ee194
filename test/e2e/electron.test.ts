import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ElectronApplication } from 'playwright-core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { appFolders, startApp } from '../support/app-process.ts';
import { filesWith } from '../support/desktop-kit.ts';
import { realElectron } from '../support/electron-binary.ts';
import { launchElectron, startElectronApp } from '../support/electron-process.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';
import { connectSocket } from '../support/socket-client.ts';
import { AppPage } from './app-page.ts';

// What only a real Electron can show, in three lists: its binary on the built app, the package of a release (the
// folder or bundle that LEEWARD_PACKAGE names), and what a person does by hand before a release. Each is named
// where it is skipped. test/unit/desktop-security-table.test.ts says which row of the security table each of them
// completes.

vi.setConfig({ testTimeout: 120_000 });

const ROOT = join(import.meta.dirname, '..', '..');
const isLinux = process.platform === 'linux';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  vi.unstubAllEnvs();
});

function newFolders() {
  const folders = appFolders();
  // Windows lets go of the files of a process some time after its end.
  cleanups.push(() => rmSync(folders.root, { recursive: true, force: true, maxRetries: 10 }));
  return folders;
}

async function launch(folders = newFolders(), args: readonly string[] = []) {
  const running = await launchElectron(folders, args);
  cleanups.push(() => running.close());
  const page = await running.firstWindow();
  const view = new AppPage(page);
  return { running, folders, page, view };
}

async function launchWithModel() {
  const folders = newFolders();
  await writeScriptedModel(join(folders.modelsDir, 'harbour.gguf'), { script: plainScript, name: 'Harbour' });
  const launched = await launch(folders);
  await launched.view.addAndChat('harbour').click();
  await launched.view.chipSays('Ready').waitFor();
  return launched;
}

const quit = async (running: ElectronApplication): Promise<number | null> => {
  const child = running.process();
  const exited = once(child, 'exit');
  await running.evaluate(({ app }) => app.quit()).catch(() => {});
  await exited;
  return child.exitCode;
};

const filesBelow = (dir: string): string[] =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

const why = 'binary' in realElectron ? '' : ` (skipped: ${realElectron.why})`;

describe.skipIf(why !== '')(`a real Electron${why}`, () => {
  it('loads app://leeward with the policy in force, and a port reaches the core', async () => {
    const { view, page } = await launch();
    await view.firstRun.waitFor();
    expect(page.url()).toMatch(/^app:\/\/leeward\//);
    const outcome = await page.evaluate(async () => {
      const reported = new Promise<string>((resolve) =>
        addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective), {
          once: true,
        }),
      );
      const script = document.createElement('script');
      script.textContent = 'window.pwned = true';
      document.body.append(script);
      return { origin: location.origin, pwned: 'pwned' in window, reported: await reported };
    });
    expect(outcome).toEqual({ origin: 'app://leeward', pwned: false, reported: 'script-src-elem' });
  });

  it('runs every page in Chromium’s sandbox, without Node', async () => {
    const { running, view, page } = await launch();
    await view.firstRun.waitFor();
    const pages = await running.evaluate(({ app }) =>
      app.getAppMetrics().flatMap(({ type, pid, sandboxed }) => (type === 'Tab' ? [{ pid, sandboxed }] : [])),
    );
    expect(pages.length).toBeGreaterThan(0);
    for (const { pid, sandboxed } of pages) {
      // Electron tells it of macOS and Windows; Linux shows it as a filter on the process's system calls.
      if (isLinux) expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^Seccomp:\s*2$/m);
      else expect(sandboxed).toBe(true);
    }
    const globals = await page.evaluate(() => [
      typeof (globalThis as { process?: unknown }).process,
      typeof (globalThis as { require?: unknown }).require,
      typeof window.leeward,
    ]);
    expect(globals).toEqual(['undefined', 'undefined', 'function']);
  });

  it('refuses file:, foreign pages and other hosts from the loader itself', async () => {
    const { view, page } = await launch();
    await view.firstRun.waitFor();
    const outcomes = await page.evaluate(() =>
      Promise.all(
        [
          'file:///etc/hostname',
          'https://example.com/',
          'app://other/',
          'app://leeward/%2e%2e/main/main.js',
        ].map((url) =>
          fetch(url).then(
            ({ ok }) => (ok ? 'fetched' : 'not found'),
            () => 'refused',
          ),
        ),
      ),
    );
    expect(outcomes).toEqual(['refused', 'refused', 'refused', 'not found']);
  });

  it('stays on its page: no navigation, window, frame or webview, and no permission but the one', async () => {
    const { running, view, page } = await launch();
    await view.firstRun.waitFor();
    const outcome = await page.evaluate(async () => {
      const opened = window.open('https://example.com/');
      location.href = 'https://example.com/';
      const view = document.createElement('webview');
      view.setAttribute('src', 'https://example.com/');
      document.body.append(view);
      const allowed = (asked: Promise<unknown>) =>
        asked.then(
          () => true,
          () => false,
        );
      return {
        opened: opened !== null,
        isWebview: 'loadURL' in view,
        geolocation: await allowed(
          new Promise((resolve, reject) => navigator.geolocation.getCurrentPosition(resolve, reject)),
        ),
        camera: await allowed(navigator.mediaDevices.getUserMedia({ video: true })),
        screen: await allowed(navigator.mediaDevices.getDisplayMedia()),
        clipboardRead: await allowed(navigator.clipboard.readText()),
        notifications: await Notification.requestPermission(),
      };
    });
    expect(outcome).toEqual({
      opened: false,
      isWebview: false,
      geolocation: false,
      camera: false,
      screen: false,
      clipboardRead: false,
      notifications: 'denied',
    });
    await view.firstRun.waitFor();
    expect(await running.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(1);
    await running.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.focus());
    await page.evaluate(() => navigator.clipboard.writeText('from the page'));
    expect(await running.evaluate(({ clipboard }) => clipboard.readText())).toBe('from the page');
  });

  it('a port tells both ends of its end: main when the frame reloads, the page when main closes it', async () => {
    const { running, view, page } = await launch();
    await view.firstRun.waitFor();
    await page.evaluate(() => {
      const held: MessagePort[] = [];
      Object.assign(window, { held });
      addEventListener('message', ({ ports }) => void held.push(...ports));
    });
    let isClosed = false;
    const heardByMain = running
      .evaluate(
        ({ BrowserWindow, MessageChannelMain }) =>
          new Promise<void>((resolve) => {
            const { port1, port2 } = new MessageChannelMain();
            port1.on('close', resolve);
            port1.start();
            BrowserWindow.getAllWindows()[0]?.webContents.mainFrame.postMessage('leeward:port', null, [
              port2,
            ]);
          }),
      )
      .then(() => (isClosed = true));
    const held = () => page.evaluate(() => (window as unknown as { held: MessagePort[] }).held.length);
    await expect.poll(held).toBe(1);
    expect(isClosed).toBe(false);
    await page.reload();
    await heardByMain;
    await view.firstRun.waitFor();
    const heardByPage = await page.evaluate(async () => {
      const next = () =>
        new Promise<MessagePort>((resolve) => {
          addEventListener('message', ({ ports: [port] }) => port && resolve(port), { once: true });
          void window.leeward?.();
        });
      const first = await next();
      const closed = new Promise<string>((resolve) =>
        first.addEventListener('close', () => resolve('closed')),
      );
      first.start();
      await next();
      return closed;
    });
    expect(heardByPage).toBe('closed');
  });

  it('a file that a person chose crosses the bridge with its path, and one of the page’s making has none', async () => {
    const folders = newFolders();
    const path = join(folders.root, 'chosen.gguf');
    await writeScriptedModel(path, { script: plainScript, name: 'Chosen' });
    const { view, page } = await launch(folders);
    await view.firstRun.waitFor();
    await page.evaluate(() => {
      const input = document.createElement('input');
      input.type = 'file';
      input.id = 'chosen';
      document.body.append(input);
    });
    await page.locator('#chosen').setInputFiles(path);
    const ids = await page.evaluate(async () => {
      const { files } = document.querySelector<HTMLInputElement>('#chosen') ?? { files: null };
      return [
        await window.leeward?.([...(files ?? [])]),
        await window.leeward?.([new File(['x'], 'x.gguf')]),
      ];
    });
    expect(ids[0]).toHaveLength(1);
    expect(ids[0]?.[0]).not.toContain('chosen');
    expect(ids[1]).toEqual([]);
  });

  it('the last words of a page reach the core when its window closes, and all is written', async () => {
    const { running, view, folders } = await launchWithModel();
    await view.ask('Hello');
    await view.answered(1);
    await view.composer.fill('Half a thought');
    expect(await quit(running)).toBe(0);
    expect(existsSync(join(folders.dataDir, 'leeward.lock'))).toBe(false);
    const serve = await startApp(folders);
    cleanups.push(() => serve.stop());
    const { client, close } = await connectSocket(serve.url);
    cleanups.push(close);
    const [chat] = await client.conversations.list();
    expect((await client.conversations.get({ id: chat?.id ?? '' })).draft).toBe('Half a thought');
  });

  it.skipIf(process.platform === 'win32')(
    'a signal ends it in order (skipped on Windows, which has none)',
    async () => {
      const { running, view, folders } = await launch();
      await view.firstRun.waitFor();
      const exited = once(running.process(), 'exit');
      running.process().kill('SIGTERM');
      expect((await exited)[0]).toBe(0);
      expect(existsSync(join(folders.dataDir, 'leeward.lock'))).toBe(false);
    },
  );

  it('a second start shows the first one’s window, hands its file over and ends', async () => {
    const { running, folders, page } = await launchWithModel();
    const path = join(folders.root, 'second.gguf');
    await writeScriptedModel(path, { script: plainScript, name: 'Second' });
    const { dataDir } = folders;
    const second = spawn('binary' in realElectron ? realElectron.binary : '', [
      ROOT,
      '--data-dir',
      dataDir,
      path,
    ]);
    expect((await once(second, 'exit'))[0]).toBe(0);
    await page.getByRole('heading', { name: 'Second', exact: true }).first().waitFor();
    expect(await running.evaluate(({ app }) => app.hasSingleInstanceLock())).toBe(true);
  });

  it('a page whose process crashes is loaded again, and the app outlives its GPU process', async () => {
    const { running, view, page } = await launch();
    await view.lookAround.click();
    await view.composer.waitFor();
    const next = page.waitForEvent('load');
    await running.evaluate(({ BrowserWindow }) =>
      BrowserWindow.getAllWindows()[0]?.webContents.forcefullyCrashRenderer(),
    );
    await next;
    await view.composer.waitFor();
    const gpu = await running.evaluate(
      ({ app }) => app.getAppMetrics().find(({ type }) => type === 'GPU')?.pid ?? null,
    );
    if (gpu !== null) process.kill(gpu, 'SIGKILL');
    await view.composer.fill('still here');
    expect(await view.composer.inputValue()).toBe('still here');
  });

  it('Chromium resolves no host, gathers no UDP candidate and opens no connection', async () => {
    const folders = newFolders();
    const netLog = join(folders.root, 'net-log.json');
    const { running, view, page } = await launch(folders, [`--log-net-log=${netLog}`]);
    await view.firstRun.waitFor();
    const resolved = await running.evaluate(({ session }) =>
      session.defaultSession.resolveHost('example.com').then(
        () => true,
        () => false,
      ),
    );
    expect(resolved).toBe(false);
    const candidates = await page.evaluate(async () => {
      const peer = new RTCPeerConnection({ iceServers: [{ urls: 'stun:192.0.2.1:3478' }] });
      const found: string[] = [];
      const gathered = new Promise<string[]>((resolve) =>
        peer.addEventListener('icecandidate', ({ candidate }) =>
          candidate === null ? resolve(found) : found.push(candidate.candidate),
        ),
      );
      peer.createDataChannel('x');
      await peer.setLocalDescription();
      return gathered;
    });
    expect(candidates.filter((candidate) => / udp /i.test(candidate))).toEqual([]);
    await quit(running);
    const { constants, events } = JSON.parse(readFileSync(netLog, 'utf8')) as {
      constants: { logEventTypes: Record<string, number> };
      events: { type: number }[];
    };
    const seen = new Set(events.map(({ type }) => type));
    const names = [
      'TCP_CONNECT_ATTEMPT',
      'UDP_BYTES_SENT',
      'HOST_RESOLVER_SYSTEM_TASK',
      'HOST_RESOLVER_DNS_TASK',
    ];
    expect(names.filter((name) => seen.has(constants.logEventTypes[name] ?? -1))).toEqual([]);
  });

  it.skipIf(!isLinux)('everything that it writes lies in the data folder (skipped: not Linux)', async () => {
    const folders = newFolders();
    const home = join(folders.root, 'home');
    mkdirSync(home);
    vi.stubEnv('XAUTHORITY', process.env['XAUTHORITY'] ?? join(homedir(), '.Xauthority'));
    vi.stubEnv('HOME', home);
    vi.stubEnv('XDG_CONFIG_HOME', undefined);
    vi.stubEnv('XDG_CACHE_HOME', undefined);
    vi.stubEnv('XDG_DATA_HOME', undefined);
    const { running, view } = await launch(folders);
    await view.lookAround.click();
    await view.composer.fill('Some words to look for');
    expect(await running.evaluate(({ session }) => session.defaultSession.isSpellCheckerEnabled())).toBe(
      false,
    );
    await quit(running);
    // Graphics drivers keep their own caches, which hold shaders.
    const own = filesBelow(home).filter((path) => !/mesa_shader_cache|nvidia|fontconfig/.test(path));
    expect(own).toEqual([]);
    const profile = filesBelow(join(folders.dataDir, 'window'));
    expect(profile.filter((path) => path.endsWith('.bdic'))).toEqual([]);
    expect(profile.filter((path) => readFileSync(path).includes('Some words to look for'))).toEqual([]);
  });

  it('menus, theme and the place of the window are the system’s', async () => {
    const { running, view, page, folders } = await launch();
    await view.lookAround.click();
    await view.composer.waitFor();
    await running.evaluate(({ Menu }) => Menu.getApplicationMenu()?.getMenuItemById('models')?.click());
    await page.getByRole('heading', { name: 'Models', level: 1 }).waitFor();
    await running.evaluate(({ nativeTheme }) => (nativeTheme.themeSource = 'dark'));
    await expect
      .poll(() => page.evaluate(() => matchMedia('(prefers-color-scheme: dark)').matches))
      .toBe(true);
    const bounds = { x: 120, y: 90, width: 900, height: 640 };
    await running.evaluate(
      ({ BrowserWindow }, at) => BrowserWindow.getAllWindows()[0]?.setBounds(at),
      bounds,
    );
    expect(await quit(running)).toBe(0);
    const again = await launch(folders);
    await again.view.composer.waitFor();
    const found = await again.running.evaluate(({ BrowserWindow }) =>
      BrowserWindow.getAllWindows()[0]?.getBounds(),
    );
    expect(found).toMatchObject({ width: bounds.width, height: bounds.height });
  });

  it('a token goes through the system’s own store and outlasts a restart, or it is said that there is none', async () => {
    const folders = newFolders();
    const token = 'hf_CanaryOfTheHarbourWall0123456789';
    const first = await startElectronApp(folders);
    cleanups.push(() => first.stop());
    const { privacy, system } = first.window.client;
    const { source } = await privacy.setHubToken({ token });
    expect(['kept', 'memory']).toContain(source);
    expect((await system.info()).capabilities.canKeepSecrets).toBe(source === 'kept');
    expect(await privacy.hubToken()).toEqual({ set: true, source });
    await first.stop();
    expect(filesWith(folders.root, token)).toEqual([]);
    const again = await startElectronApp(folders);
    cleanups.push(() => again.stop());
    const outlasts = source === 'kept' ? { set: true, source } : { set: false, source: null };
    expect(await again.window.client.privacy.hubToken()).toEqual(outlasts);
  });
});

if (why !== '') {
  // With a binary they run: project `e2e electron` of vitest.config.ts.
  describe(`the specs of the other hosts in a real Electron${why}`, () => {
    const specs = readdirSync(import.meta.dirname).filter((name) =>
      /^(?!electron\.|accessibility-).*\.test\.ts$/.test(name),
    );
    it.skip.each(specs)('%s', () => {});
  });
}

/** As in test/packaged: the folder, or the bundle on macOS, that `npm run package` has made. */
const PACKAGED = process.env['LEEWARD_PACKAGE'] ?? '';
const EXECUTABLES: Partial<Record<string, string>> = {
  darwin: 'Contents/MacOS/Leeward',
  win32: 'Leeward.exe',
};
const executableIn = (folder: string): string => join(folder, EXECUTABLES[process.platform] ?? 'leeward');
/** A process that a signal has ended has no exit code. */
const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;

describe.skipIf(PACKAGED === '')(
  'a packaged Electron (skipped unless LEEWARD_PACKAGE names its folder)',
  () => {
    /** Starts the package and waits until it holds its data folder, or has ended. */
    async function start(folder: string, args: string[], env: NodeJS.ProcessEnv) {
      const { dataDir, root } = newFolders();
      const child: ChildProcess = spawn(executableIn(folder), ['--data-dir', dataDir, ...args], {
        env: { ...process.env, ...env },
      });
      cleanups.push(() => child.kill('SIGKILL'));
      let said = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
      const isUp = () => existsSync(join(dataDir, 'leeward.lock')) || hasEnded(child);
      await expect.poll(isUp, { timeout: 60_000 }).toBe(true);
      return { child, root, said: () => said };
    }

    it('is no plain Node: runAsNode, NODE_OPTIONS and --inspect are off', async () => {
      const { root } = newFolders();
      const proof = join(root, 'proof');
      const script = join(root, 'script.cjs');
      writeFileSync(script, `require('node:fs').writeFileSync(${JSON.stringify(proof)}, '');`);
      const attempts: [string[], NodeJS.ProcessEnv][] = [
        [[script], { ELECTRON_RUN_AS_NODE: '1' }],
        [[], { NODE_OPTIONS: `--require=${script}` }],
        [['--inspect=0'], {}],
      ];
      for (const [args, env] of attempts) {
        const { child, said } = await start(PACKAGED, args, env);
        expect(hasEnded(child)).toBe(false);
        expect(existsSync(proof)).toBe(false);
        expect(said()).not.toContain('Debugger listening');
        child.kill('SIGTERM');
        await once(child, 'exit');
      }
    });

    it.skipIf(isLinux)(
      'refuses an archive that was changed (skipped on Linux: Electron checks none there)',
      async () => {
        const { root } = newFolders();
        const isMac = process.platform === 'darwin';
        const copy = join(root, isMac ? 'Leeward.app' : 'Leeward');
        cpSync(PACKAGED, copy, { recursive: true, verbatimSymlinks: true });
        const archive = join(copy, isMac ? 'Contents/Resources' : 'resources', 'app.asar');
        const content = readFileSync(archive);
        const at = content.indexOf('enableSandbox');
        expect(at).toBeGreaterThan(0);
        content.write('enableSandboy', at);
        writeFileSync(archive, content);
        const { child } = await start(copy, [], {});
        expect(hasEnded(child)).toBe(true);
        expect(child.exitCode).not.toBe(0);
      },
    );
  },
);

describe('by hand before a release, since no program can do it', () => {
  it.todo(
    'Windows signs the user out while an answer runs: it is kept as interrupted, and no question is asked',
  );
  it.todo(
    'Linux and macOS shut down while an answer runs: it is kept, and the shutdown waits no longer than that',
  );
  it.todo('the system sleeps and wakes: both are in the log, and the window is as it was');
  it.todo('text that could not be saved: closing the window asks, and both answers do what they say');
  it.todo('a GGUF file opened from the file manager, with the app running and not, comes up in the app');
  it.todo('a right click in the message field offers spelling, cut, copy and paste, and each works');
  it.todo('a GGUF file dropped from the file manager on the window is let in');
  it.todo('the tray’s icon is there, its menu lists running answers, and a closed window comes back from it');
  it.todo('a notice of a long answer appears while the window is away, and a click on it shows the chat');
  it.todo('the AppImage on a system that refuses the sandbox says what to do and does not start without it');
});
