import { app } from './app.ts';
import { link } from './process-link.ts';
import { preventable, strict, StrictEmitter } from './strict.ts';

type Handler = (...args: never[]) => unknown;

const privileged = new Map<string, object>();

/** "This method can only be used before the ready event of the app module gets emitted and can be called only once." */
class Protocol {
  readonly #handlers = new Map<string, Handler>();

  registerSchemesAsPrivileged(schemes: { scheme: string; privileges?: object }[]): void {
    app._beforeReady('protocol.registerSchemesAsPrivileged()');
    if (privileged.size > 0) throw new Error('Schemes can be registered only once.');
    for (const { scheme, privileges } of schemes) privileged.set(scheme, privileges ?? {});
    link.notify('record', { what: 'schemes', value: Object.fromEntries(privileged) });
  }

  /** "Register a protocol handler for scheme. Either a Response or a Promise<Response> can be returned." */
  handle(scheme: string, handler: Handler): void {
    if (!privileged.has(scheme)) throw new Error(`${scheme} was not registered`);
    this.#handlers.set(scheme, handler);
  }

  async _answer(url: string, method: string) {
    const handler = this.#handlers.get(new URL(url).protocol.slice(0, -1));
    if (!handler) return { status: 404, headers: {}, body: new Uint8Array() };
    // `new Request` knows no app: scheme; what the handler reads is its url and method.
    const request = strict('GlobalRequest', { url, method });
    const response = (await handler(request as never)) as Response;
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: new Uint8Array(await response.arrayBuffer()),
    };
  }
}

class WebRequest {
  #listener: Handler | null = null;

  /** "The listener will be called with listener(details, callback) when a request is about to occur." */
  onBeforeRequest(listener: Handler | null): void {
    this.#listener = listener;
  }

  _check(details: { url: string; resourceType: string }): Promise<{ cancel?: boolean }> {
    const listener = this.#listener;
    if (!listener) return Promise.resolve({});
    return new Promise((resolve) => listener(details as never, resolve as never));
  }
}

const sessionProtocol = strict('protocol', new Protocol());

class Session extends StrictEmitter {
  readonly protocol = sessionProtocol;
  readonly webRequest = strict('webRequest', new WebRequest());
  readonly #handlers = new Map<string, Handler | null>();

  constructor() {
    super('session', ['will-download']);
  }

  /** "Calling callback(true) will allow the permission and callback(false) will reject it." */
  setPermissionRequestHandler(handler: Handler | null): void {
    this.#handlers.set('permissionRequest', handler);
  }
  /** "Returning true will allow the permission and false will reject it." */
  setPermissionCheckHandler(handler: Handler | null): void {
    this.#handlers.set('permissionCheck', handler);
  }
  /** "Returning true will allow the device to be permitted and false will reject it." */
  setDevicePermissionHandler(handler: Handler | null): void {
    this.#handlers.set('device', handler);
  }
  /** "This handler will be called when web content requests access to display media" */
  setDisplayMediaRequestHandler(handler: Handler | null): void {
    this.#handlers.set('displayMedia', handler);
  }
  /** "Sets whether to enable the builtin spell checker." */
  setSpellCheckerEnabled(enable: boolean): void {
    link.notify('record', { what: 'spellChecker', value: enable });
  }
  /** "By default Electron will download hunspell dictionaries from the Chromium CDN." */
  setSpellCheckerDictionaryDownloadURL(url: string): void {
    link.notify('record', { what: 'dictionaryAddress', value: url });
  }

  _handler(name: string): Handler {
    const handler = this.#handlers.get(name);
    if (!handler) throw new Error(`main has set no ${name} handler`);
    return handler;
  }
}

const defaultSession = strict('session', new Session());
export const session = strict('session', { defaultSession });
export const protocol = sessionProtocol;

link.handle('protocol.request', ({ url, method }: { url: string; method: string }) =>
  defaultSession.protocol._answer(url, method),
);
link.handle('request.check', (details: { url: string; resourceType: string }) =>
  defaultSession.webRequest._check(details),
);
interface PermissionCase {
  permission: string;
  origin: string;
  url: string;
  isMainFrame: boolean;
}
link.handle('permission.request', ({ permission, origin, url, isMainFrame }: PermissionCase) => {
  const contents = strict('webContents', { mainFrame: strict('mainFrame', { origin }) });
  const details = { requestingUrl: url, isMainFrame };
  return new Promise((resolve) =>
    defaultSession._handler('permissionRequest')(
      ...([contents, permission, resolve, details] as unknown as never[]),
    ),
  );
});
link.handle('permission.check', ({ permission, origin, url, isMainFrame }: PermissionCase) =>
  defaultSession._handler('permissionCheck')(
    ...([
      strict('webContents', {}),
      permission,
      origin,
      { requestingUrl: url, isMainFrame },
    ] as unknown as never[]),
  ),
);
link.handle('permission.device', () => defaultSession._handler('device')(...([{}] as unknown as never[])));
link.handle(
  'permission.displayMedia',
  () =>
    new Promise((resolve) =>
      defaultSession._handler('displayMedia')(...([{}, resolve] as unknown as never[])),
    ),
);
link.handle('download', (url) => {
  const event = preventable({});
  defaultSession.emit('will-download', event, { getURL: () => url }, {});
  return event.defaultPrevented;
});
