import { existsSync, readFileSync, renameSync, rmSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { link } from './process-link.ts';
import { preventable, strict, StrictEmitter } from './strict.ts';

interface ClosableWindow {
  askToClose(): Promise<boolean>;
}

/** Windows in the order in which they were made. */
export const openWindows = new Set<ClosableWindow>();

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

class App extends StrictEmitter {
  /** "A boolean property that returns true if the app is packaged, false otherwise." */
  readonly isPackaged = process.env['STAND_IN_PACKAGED'] === '1';
  readonly #paths = new Map<string, string>();
  readonly #ready: Promise<void>;
  #isReady = false;
  #quitting = false;

  constructor() {
    super('app', [
      'ready',
      'open-file',
      'second-instance',
      'activate',
      'before-quit',
      'will-quit',
      'window-all-closed',
      'web-contents-created',
    ]);
    // "The ready event is only fired after the main process has finished running the first tick of the event
    // loop."
    this.#ready = new Promise((resolve) =>
      setImmediate(() => {
        this.#isReady = true;
        this.emit('ready', preventable({}));
        resolve();
      }),
    );
  }

  /** "Append a switch (with optional value) to Chromium's command line." Before ready. */
  readonly commandLine = strict('commandLine', {
    appendSwitch: (name: string, value?: string) => {
      this._beforeReady('app.commandLine.appendSwitch()');
      link.notify('record', { what: 'switch', value: { [name]: value ?? '' } });
    },
  });

  /** A quit is under way. */
  get _isQuitting(): boolean {
    return this.#quitting;
  }

  /** Throws as Electron does when something that must come before ready comes after. */
  _beforeReady(what: string): void {
    if (this.#isReady) throw new Error(`${what} should be called before app is ready`);
  }

  _isReady(): boolean {
    return this.#isReady;
  }

  /** "Enables full sandbox mode on the app. This method can only be called before app is ready." */
  enableSandbox(): void {
    this._beforeReady('app.enableSandbox()');
    link.notify('record', { what: 'enableSandbox' });
  }

  /** "fulfilled when Electron is initialized" */
  whenReady(): Promise<void> {
    return this.#ready;
  }

  /** "The version of the loaded application", from its package.json. */
  getVersion(): string {
    const { version } = JSON.parse(readFileSync(join(this.getAppPath(), 'package.json'), 'utf8')) as {
      version: string;
    };
    return version;
  }

  /** "The current application directory." */
  getAppPath(): string {
    return process.env['STAND_IN_APP_PATH'] ?? process.cwd();
  }

  /** "Overrides the path to a special directory or file associated with name." */
  setPath(name: string, path: string): void {
    if (name !== 'userData') throw new Error(`The Electron stand-in has no path ${name}.`);
    // "If the path specifies a directory that does not exist, an Error is thrown."
    if (!existsSync(path)) throw new Error(`Failed to set path: ${path} does not exist`);
    this.#paths.set(name, path);
  }

  getPath(name: string): string {
    const path = this.#paths.get(name);
    if (path === undefined) throw new Error(`Failed to get '${name}' path`);
    return path;
  }

  /**
   * "true if your process is the primary instance [...] false if your process should immediately quit as it has
   * sent its parameters to another instance"
   */
  requestSingleInstanceLock(): boolean {
    const dir = this.getPath('userData');
    const lock = join(dir, 'SingletonLock.json');
    const note = join(dir, 'SecondInstance.json');
    // As Chromium does, which takes over from a process that is gone.
    if (existsSync(lock) && !isAlive(Number(readFileSync(lock, 'utf8')))) rmSync(lock);
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
    } catch {
      const draft = `${note}.${process.pid}`;
      writeFileSync(draft, JSON.stringify({ argv: process.argv, cwd: process.cwd() }));
      renameSync(draft, note);
      return false;
    }
    process.on('exit', () => rmSync(lock, { force: true }));
    watch(dir, { persistent: false }, () => {
      if (!existsSync(note)) return;
      const { argv, cwd } = JSON.parse(readFileSync(note, 'utf8')) as { argv: string[]; cwd: string };
      rmSync(note);
      // "This event is guaranteed to be emitted after the ready event of app gets emitted."
      void this.#ready.then(() => this.fire('second-instance', {}, argv, cwd, null));
    });
    return true;
  }

  /**
   * "Try to close all windows. The before-quit event will be emitted first. If all windows are successfully
   * closed, the will-quit event will be emitted and by default the application will terminate."
   */
  quit(): void {
    if (this.#quitting) return;
    this.#quitting = true;
    void this.#quit();
  }

  /** "Exits immediately with exitCode. All windows will be closed immediately without asking the user" */
  exit(code = 0): void {
    process.exit(code);
  }

  /** Every window is gone without a quit. */
  _windowGone(): void {
    if (openWindows.size > 0 || this.#quitting) return;
    // "If you do not subscribe to this event and all windows are closed, the default behavior is to quit"
    if (!this.emit('window-all-closed')) this.quit();
  }

  async #quit(): Promise<void> {
    if (this.fire('before-quit')) return void (this.#quitting = false);
    for (const window of [...openWindows]) {
      if (!(await window.askToClose())) return void (this.#quitting = false);
    }
    if (!this.fire('will-quit')) process.exit(0);
  }
}

export const app = strict('app', new App());
link.handle('app.emit', ({ event, args }: { event: string; args: unknown[] }) =>
  app.fire(event, {}, ...args),
);
link.handle('app.quit', () => app.quit());
