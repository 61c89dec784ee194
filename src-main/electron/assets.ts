import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { contentTypeOf } from '../server/static-files.ts';
import { securityHeaders } from '../server/security-headers.ts';
import { appPathOf } from './rules.ts';

export interface Asset {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly type: string;
}

export interface AssetAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array<ArrayBuffer> | null;
}

/**
 * Reads the files that the build of the interface lists, once, into memory: what is not on the list is not
 * there, whatever lies in the folder.
 * @param listPath JSON list of paths below `dir`, written by the build
 * @throws when the list or one of its files is missing
 */
export function loadAssets(listPath: string, dir: string): ReadonlyMap<string, Asset> {
  const list: unknown = JSON.parse(readFileSync(listPath, 'utf8'));
  if (!Array.isArray(list)) throw new Error('The list of the interface is damaged.');
  const assets = new Map<string, Asset>();
  for (const name of list) {
    const type = typeof name === 'string' ? contentTypeOf(name) : undefined;
    if (typeof name !== 'string' || type === undefined) continue;
    assets.set(`/${name}`, { body: new Uint8Array(readFileSync(join(dir, ...name.split('/')))), type });
  }
  const index = assets.get('/index.html');
  if (!index) throw new Error('The interface is not built: index.html is missing.');
  return assets.set('/', index);
}

/** Answers a request of the `app:` scheme. Every answer carries the policy, errors too. Pure. */
export function answerAsset(
  request: { url: string; method: string },
  assets: ReadonlyMap<string, Asset>,
): AssetAnswer {
  const headers = { ...securityHeaders(), 'Cache-Control': 'no-store' };
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, headers: { ...headers, Allow: 'GET, HEAD' }, body: null };
  }
  const path = appPathOf(request.url);
  const asset = path === null ? undefined : assets.get(path);
  if (!asset) return { status: 404, headers, body: null };
  return {
    status: 200,
    headers: {
      ...headers,
      ...securityHeaders(undefined, path ?? undefined),
      'Content-Type': asset.type,
      'Content-Length': String(asset.body.length),
    },
    body: request.method === 'HEAD' ? null : asset.body,
  };
}
