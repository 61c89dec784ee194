import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { eventually } from '../e2e/fixture.ts';
import { appFolders, processesWith, startApp } from '../support/app-process.ts';
import { launchBrowser } from '../support/browser.ts';
import { desktopKit, filesWith, type OpenDesktop } from '../support/desktop-kit.ts';
import { connectSocket } from '../support/socket-client.ts';

// The token of Hugging Face: where it is kept and where it never appears. Built bundle, stand-in for Electron.

vi.setConfig({ testTimeout: 90_000 });

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
const { start, open } = desktopKit(() => browser, cleanups);

const TOKEN = 'hf_CanaryOfTheHarbourWall0123456789';
const none = { set: false, source: null };
const unreadable = { set: false, source: 'unreadable' };

const secretsFile = (folders: OpenDesktop['folders']) => join(folders.dataDir, 'secrets.json');

async function openTokenCard(opened: OpenDesktop) {
  const { view } = opened;
  await view.lookAround.click();
  await view.openSettings('Privacy');
  const card = view.page.getByRole('region', { name: 'Hugging Face token' });
  await card.waitFor();
  return card;
}

/** Everything that main says to pages and clients from now on. */
function listen({ app }: Pick<OpenDesktop, 'app'>): string[] {
  const frames: string[] = [];
  const take = app.side.take.bind(app.side);
  app.side.take = (id, data) => {
    frames.push(String(data));
    return take(id, data);
  };
  return frames;
}

describe('the token', () => {
  it('is kept encrypted between runs, and never appears again once it is set', async () => {
    const opened = await open();
    const { app, folders, page } = opened;
    const card = await openTokenCard(opened);
    await card.getByText('No token is set').waitFor();
    await card.getByText('A token is encrypted with a key').waitFor();
    expect(app.recorded.some(({ what }) => what === 'keychain')).toBe(false);
    const frames = listen(opened);
    await card.getByLabel('Token', { exact: true }).fill(`  ${TOKEN} `);
    await card.getByRole('button', { name: 'Save token' }).click();
    await card.getByText('A token is set').waitFor();
    await card.getByText('encrypted with a key that the system holds').waitFor();
    expect(await card.getByLabel('Another token').inputValue()).toBe('');
    expect(await app.side.client.privacy.hubToken()).toEqual({ set: true, source: 'kept' });
    expect(statSync(secretsFile(folders)).mode & 0o777).toBe(0o600);

    // Calls and events of another kind, which might carry it along.
    await app.side.client.settings.update({ theme: 'dark' });
    await app.side.client.privacy.setOffline({ offline: true });
    await app.side.client.privacy.stored();
    expect(frames.join('\n')).toContain('settings.changed');
    expect(frames.join('\n')).not.toContain(TOKEN);
    expect(await page.content()).not.toContain(TOKEN);
    const kept = await page.evaluate(() =>
      JSON.stringify([{ ...localStorage }, { ...sessionStorage }, history.state, location.href]),
    );
    expect(kept).not.toContain(TOKEN);
    expect(await app.quit()).toBe(0);
    expect(filesWith(folders.root, TOKEN)).toEqual([]);
    expect(app.stderr).not.toContain(TOKEN);

    const again = start(folders);
    await again.app.ready();
    expect(await again.app.side.client.privacy.hubToken()).toEqual({ set: true, source: 'kept' });
    expect(await again.app.side.client.privacy.removeHubToken()).toEqual(none);
    expect(existsSync(secretsFile(folders))).toBe(false);
    expect(await again.app.stop()).toBe(0);
  });

  it('is replaced and removed on the page, and refused there when it cannot be one', async () => {
    const opened = await open();
    const { app, folders, log } = opened;
    const card = await openTokenCard(opened);
    await card.getByLabel('Token', { exact: true }).fill('two words');
    await card.getByRole('button', { name: 'Save token' }).click();
    await card.getByText('A token is one word').waitFor();
    expect(await app.side.client.privacy.hubToken()).toEqual(none);
    await card.getByLabel('Token', { exact: true }).fill('hf_first');
    await card.getByRole('button', { name: 'Save token' }).click();
    await card.getByText('The token is saved.').waitFor();
    const first = readFileSync(secretsFile(folders), 'utf8');
    await card.getByLabel('Another token').fill(TOKEN);
    await card.getByLabel('Another token').press('Enter');
    await eventually(() => readFileSync(secretsFile(folders), 'utf8')).not.toBe(first);
    await card.getByRole('button', { name: 'Remove token' }).click();
    await card.page().getByRole('alertdialog').getByRole('button', { name: 'Remove it' }).click();
    await card.getByText('No token is set').waitFor();
    expect(await card.getByRole('button', { name: 'Remove token' }).count()).toBe(0);
    expect(existsSync(secretsFile(folders))).toBe(false);

    for (const token of ['', ' ', `${TOKEN} b`, `${TOKEN}\n${TOKEN}`, 'é', 'x'.repeat(513)]) {
      const refused = app.side.client.privacy.setHubToken({ token });
      await expect(refused).rejects.toMatchObject({ code: 'invalid_input' });
      await refused.catch((error: unknown) => expect(JSON.stringify(error)).not.toContain(TOKEN));
    }
    expect(log()).not.toContain(TOKEN);
  });

  it.each([
    ['the key store does not open', { STAND_IN_KEYCHAIN: 'locked' }],
    ['Linux has no key store', { STAND_IN_PASSWORD_STORE: 'basic_text' }],
  ])('stays in memory where %s, and the page says so', async (_why, env) => {
    const isLinuxOnly = 'STAND_IN_PASSWORD_STORE' in env;
    const isKept = isLinuxOnly && process.platform !== 'linux';
    const opened = await open(appFolders(), env);
    const { app, folders } = opened;
    const card = await openTokenCard(opened);
    await card.getByLabel('Token', { exact: true }).fill(TOKEN);
    await card.getByRole('button', { name: 'Save token' }).click();
    await card.getByText(isKept ? 'encrypted with a key' : 'Kept in memory only').waitFor();
    const source = isKept ? 'kept' : 'memory';
    expect(await app.side.client.privacy.hubToken()).toEqual({ set: true, source });
    expect((await app.side.client.system.info()).capabilities.canKeepSecrets).toBe(isKept);
    expect(await app.quit()).toBe(0);
    expect(filesWith(folders.root, TOKEN)).toEqual([]);
    expect(existsSync(secretsFile(folders))).toBe(isKept);
  });

  it('is said to be unreadable, with a line in the log, when the file is damaged or the key another one', async () => {
    const folders = appFolders();
    const first = start(folders);
    await first.app.ready();
    await first.app.side.client.privacy.setHubToken({ token: TOKEN });
    expect(await first.app.stop()).toBe(0);

    const log = () => readFileSync(join(folders.dataDir, 'logs', 'leeward.log'), 'utf8');
    const moved = start(folders, { STAND_IN_KEYCHAIN: 'another account' });
    await moved.app.ready();
    expect(await moved.app.side.client.privacy.hubToken()).toEqual(unreadable);
    expect(log()).toContain('secrets.undecryptable');
    expect(await moved.app.stop()).toBe(0);

    writeFileSync(secretsFile(folders), 'rubbish');
    const damaged = await open(folders);
    const card = await openTokenCard(damaged);
    await card.getByText('cannot be read now').waitFor();
    expect(await damaged.app.side.client.privacy.hubToken()).toEqual(unreadable);
    expect(log()).toContain('secrets.damaged');
    await card.getByRole('button', { name: 'Remove token' }).click();
    await card.page().getByRole('alertdialog').getByRole('button', { name: 'Remove it' }).click();
    await card.getByText('The token is removed.').waitFor();
    expect(existsSync(secretsFile(folders))).toBe(false);
    expect(await damaged.app.side.client.privacy.setHubToken({ token: TOKEN })).toMatchObject({
      source: 'kept',
    });
    expect(await damaged.app.stop()).toBe(0);
  });

  it('that the environment gives is used where none is set, written nowhere, and given to no child', async () => {
    const { app, folders } = start(appFolders(), { LEEWARD_HF_TOKEN: TOKEN });
    await app.ready();
    const { privacy } = app.side.client;
    expect(await privacy.hubToken()).toEqual({ set: true, source: 'environment' });
    if (process.platform === 'linux') {
      const children = () =>
        processesWith('sidecar.js').flatMap((entry) => (entry.parent === app.child.pid ? [entry.pid] : []));
      await eventually(() => children().length).toBe(1);
      for (const pid of children()) expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain(TOKEN);
    }
    const other = { token: 'hf_other' };
    expect(await privacy.setHubToken(other)).toEqual({ set: true, source: 'kept' });
    expect(await privacy.removeHubToken()).toEqual({ set: true, source: 'environment' });
    expect(await app.stop()).toBe(0);
    expect(filesWith(folders.root, TOKEN)).toEqual([]);
    expect(app.stderr).not.toContain(TOKEN);
  });
});

describe('serve mode', () => {
  it('takes the token from its environment or into memory, and writes it nowhere', async () => {
    const folders = appFolders();
    const app = await startApp(folders, { env: { LEEWARD_HF_TOKEN: TOKEN } });
    cleanups.push(() => app.dispose());
    const { client, close } = await connectSocket(app.url);
    cleanups.push(close);
    expect(await client.privacy.hubToken()).toEqual({ set: true, source: 'environment' });
    expect((await client.system.info()).capabilities.canKeepSecrets).toBe(false);
    if (process.platform === 'linux') {
      await eventually(() => app.sidecarPids().length).toBe(1);
      for (const pid of app.sidecarPids())
        expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain(TOKEN);
    }
    const other = `${TOKEN}_other`;
    expect(await client.privacy.setHubToken({ token: other })).toEqual({ set: true, source: 'memory' });
    expect(await client.privacy.removeHubToken()).toEqual({ set: true, source: 'environment' });
    expect(await app.stop()).toBe(0);
    expect(filesWith(folders.root, TOKEN)).toEqual([]);
    expect(app.stderr()).not.toContain(TOKEN);
  });

  it('says when the environment holds no token', async () => {
    const app = await startApp(appFolders(), { env: { LEEWARD_HF_TOKEN: 'not a token' } });
    cleanups.push(() => app.dispose());
    const { client, close } = await connectSocket(app.url);
    cleanups.push(close);
    expect(await client.privacy.hubToken()).toEqual(none);
    expect(app.stderr()).toContain('LEEWARD_HF_TOKEN does not hold a token.');
    expect(app.stderr()).not.toContain('not a token.');
  });
});
