import { protocol, type Session } from 'electron';
import { answerAsset, type Asset } from './assets.ts';
import { APP_SCHEME } from './rules.ts';

/** Gives the `app:` scheme an origin and the rights of https. Before the app is ready, and once. */
export function registerAppScheme(): void {
  protocol.registerSchemesAsPrivileged([
    {
      scheme: APP_SCHEME,
      privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true },
    },
  ]);
}

/** Serves the built interface to the windows of a session. */
export function serveAssets(session: Session, assets: ReadonlyMap<string, Asset>): void {
  session.protocol.handle(APP_SCHEME, (request) => {
    const { status, headers, body } = answerAsset(request, assets);
    return new Response(body, { status, headers });
  });
}
