import { app, type Session, type WebContents } from 'electron';
import type { Platform } from '../platform.ts';
import {
  APP_PAGE,
  isDownloadAllowed,
  isFrameNavigationAllowed,
  isNavigationAllowed,
  isPermissionAllowed,
  isRequestAllowed,
  isSpellCheckLocal,
} from './rules.ts';

/** Rules for a whole session: permissions, devices, screen capture, network, downloads, dictionaries. */
export function guardSession(session: Session, log: Platform['log']): void {
  session.setPermissionRequestHandler((contents, permission, callback, details) => {
    const origin = URL.canParse(details.requestingUrl) ? originOf(details.requestingUrl) : undefined;
    const isOurs = contents.mainFrame.origin === origin;
    callback(isOurs && isPermissionAllowed({ permission, origin, isMainFrame: details.isMainFrame }));
  });
  session.setPermissionCheckHandler((contents, permission, requestingOrigin, details) =>
    contents === null
      ? false
      : isPermissionAllowed({ permission, origin: requestingOrigin, isMainFrame: details.isMainFrame }),
  );
  session.setDevicePermissionHandler(() => false);
  session.setDisplayMediaRequestHandler((_request, callback) => callback(null));
  const devTools = !app.isPackaged;
  session.webRequest.onBeforeRequest((details, callback) => {
    const allowed = isRequestAllowed(details.url, { devTools });
    if (!allowed) log('request.refused', { kind: details.resourceType });
    callback({ cancel: !allowed });
  });
  // Without a path of ours Electron asks where to save.
  session.on('will-download', (event, item) => {
    if (!isDownloadAllowed(item.getURL())) event.preventDefault();
  });
  const spellCheck = isSpellCheckLocal(process.platform);
  session.setSpellCheckerEnabled(spellCheck);
  // Where Windows lacks a language, Chromium would fetch a dictionary: there is none at this address.
  if (process.platform === 'win32') session.setSpellCheckerDictionaryDownloadURL(APP_PAGE);
}

/** Rules for every page, whoever makes it: it stays where it is and opens nothing. */
export function guardAllContents(log: Platform['log']): void {
  app.on('web-contents-created', (_event, contents) => guardContents(contents, log));
}

function guardContents(contents: WebContents, log: Platform['log']): void {
  const refuse = (event: { preventDefault(): void }) => {
    event.preventDefault();
    log('navigation.refused');
  };
  contents.on('will-navigate', (details) => {
    if (!isNavigationAllowed(details.url)) refuse(details);
  });
  contents.on('will-frame-navigate', (details) => {
    if (!isFrameNavigationAllowed(details.url, details.isMainFrame)) refuse(details);
  });
  contents.on('will-redirect', (details) => {
    if (!isNavigationAllowed(details.url)) refuse(details);
  });
  contents.on('will-attach-webview', refuse);
  // No policy of a page and no request filter reaches WebRTC: without a proxy it has no way out over UDP.
  contents.setWebRTCIPHandlingPolicy('disable_non_proxied_udp');
  contents.setWindowOpenHandler(() => {
    log('window.refused');
    return { action: 'deny' };
  });
}

/** Scheme and host of an address of ours; `URL.origin` is "null" for schemes that it does not know. */
function originOf(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}
