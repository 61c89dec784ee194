import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect } from 'vitest';
import { PROTOCOL_VERSION } from '../../src-main/contract/protocol.ts';
import { listeningPorts } from '../support/app-process.ts';
import { plainScript } from '../support/gguf/scripted-model.ts';
import { test, type Stage } from './fixture.ts';
import { HOST } from './host.ts';

// What a real browser lets other pages do to the app. Raw requests are in test/integration/server.test.ts.

async function hostileSite(stage: Stage): Promise<string> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>hostile</title><body>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stage.onEnd(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const NO_ADDRESS = 'the desktop has no address and no token that another page could use';

describe('the address', () => {
  test('shows no token; chats and token leave no trace in history or lasting storage', async ({ stage }) => {
    const { app } = await stage.share({ script: plainScript });
    const token = new URLSearchParams(new URL(app.url).hash.slice(1)).get('token');
    expect(token?.length ?? 0).toBe(HOST === 'browser' ? 43 : 0);
    const page = await stage.open(app);
    await page.ask('A private title');
    await page.answered(1);
    expect(page.page.url()).toBe(new URL('/', app.url).href);
    const kept = await page.page.evaluate(async () => ({
      local: JSON.stringify({ ...localStorage }),
      cookies: document.cookie,
      databases: (await indexedDB.databases()).length,
      caches: (await caches.keys()).length,
      // A scheme without workers refuses the question.
      workers: (await navigator.serviceWorker.getRegistrations().catch(() => [])).length,
      title: document.title,
      state: JSON.stringify(history.state),
    }));
    expect(kept).toMatchObject({ cookies: '', databases: 0, caches: 0, workers: 0, title: 'Chat - Leeward' });
    if (token !== null) expect(JSON.stringify(kept)).not.toContain(token);
    expect(JSON.stringify(kept)).not.toContain('private title');
  });

  test('without a token shows no chat and nothing of this computer', async ({ stage }) => {
    stage.onlyInBrowser(NO_ADDRESS);
    const { app } = await stage.share({ script: plainScript, name: 'Hidden model' });
    for (const fragment of ['', '#token=', `#token=${'A'.repeat(43)}`]) {
      const page = await stage.open({ ...app, url: `${new URL('/', app.url).href}${fragment}` });
      await page.text('This page is not allowed in').waitFor();
      expect(await page.composer.count()).toBe(0);
      expect(await page.page.locator('body').innerText()).not.toContain('Hidden model');
    }
  });
});

describe('the app and its engine', () => {
  test('listen where the page comes from, and on the desktop nowhere', async ({ stage }) => {
    stage.only(existsSync('/proc/self/net/tcp'), 'only Linux tells who listens');
    stage.only(HOST !== 'electron', 'the ports through which Electron is driven would be found');
    const { app } = await stage.share({ script: plainScript });
    const ports = [app.pid, ...app.sidecarPids()].flatMap(listeningPorts);
    expect(app.sidecarPids()).toHaveLength(1);
    expect(ports).toEqual(HOST === 'browser' ? [Number(new URL(app.url).port)] : []);
  });
});

describe('a page of another site in the same browser', () => {
  test('can neither read, embed, script nor connect, even with the token', async ({ stage }) => {
    stage.onlyInBrowser(NO_ADDRESS);
    const { app } = await stage.share({ script: plainScript });
    const { origin, host, hash } = new URL(app.url);
    const token = new URLSearchParams(hash.slice(1)).get('token') ?? '';
    const stranger = await stage.openStranger(await hostileSite(stage));
    const result = await stranger.evaluate(
      async ({ origin, host, token, protocol }) => {
        const readable = await fetch(`${origin}/`).then(
          () => 'read',
          () => 'refused',
        );
        const socket = await new Promise<string>((resolve) => {
          const attempt = new WebSocket(`ws://${host}/socket`);
          attempt.onopen = () => attempt.send(JSON.stringify({ leeward: 'hello', protocol, token }));
          attempt.onmessage = (event) => resolve(`answered ${String(event.data)}`);
          attempt.onclose = () => resolve('refused');
        });
        const loads = (tag: 'script' | 'img', path: string) =>
          new Promise<string>((resolve) => {
            const element = document.createElement(tag);
            element.onload = () => resolve('loaded');
            element.onerror = () => resolve('refused');
            element.src = `${origin}${path}`;
            document.body.append(element);
          });
        const script = await loads('script', '/theme.js');
        const image = await loads('img', '/icon.svg');
        const frame = document.createElement('iframe');
        frame.src = origin;
        const framed = new Promise((resolve) => (frame.onload = resolve));
        document.body.append(frame);
        await framed;
        return { readable, socket, script, image };
      },
      { origin, host, token, protocol: PROTOCOL_VERSION },
    );
    expect(result).toEqual({ readable: 'refused', socket: 'refused', script: 'refused', image: 'refused' });
    const frame = stranger.frames().find((candidate) => candidate !== stranger.mainFrame());
    expect(frame?.url()).toBe('chrome-error://chromewebdata/');
    expect(await frame?.getByText('Leeward').count()).toBe(0);
    // A window that it opens is cut off from it.
    const [popup] = await Promise.all([
      stranger.waitForEvent('popup'),
      stranger.evaluate((address) => {
        Object.assign(globalThis, { opened: window.open(address) });
      }, app.url),
    ]);
    await popup.getByRole('textbox', { name: 'Message' }).waitFor();
    expect(await popup.evaluate(() => window.opener)).toBeNull();
    expect(
      await stranger.evaluate(() => (globalThis as unknown as { opened: Window | null }).opened?.closed),
    ).toBe(true);
  });
});
