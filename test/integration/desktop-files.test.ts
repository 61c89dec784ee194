import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { desktopKit } from '../support/desktop-kit.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';

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
const { open } = desktopKit(() => browser, cleanups);

describe('files through the host', () => {
  it('a picked folder brings its models into the library, and takes them off again', async () => {
    const { app, folders } = await open();
    const elsewhere = join(folders.root, 'elsewhere');
    mkdirSync(elsewhere);
    await writeScriptedModel(join(elsewhere, 'sail.gguf'), { script: plainScript, name: 'Sail' });
    const { client } = app.side;
    expect(await client.models.pickFolder()).toBeNull();
    app.pickFiles = () => [elsewhere];
    const folder = await client.models.pickFolder();
    expect(folder).toMatchObject({ label: 'elsewhere', removable: true, app: null });
    expect((await client.models.list()).map(({ name }) => name)).toEqual(['Sail']);
    await client.models.removeFolder({ id: folder?.id ?? '' });
    expect(await client.models.list()).toEqual([]);
    expect(existsSync(join(elsewhere, 'sail.gguf'))).toBe(true);
  });

  it('a deleted model goes to the trash of the system', async () => {
    const { app, folders } = await open();
    const path = join(folders.modelsDir, 'sail.gguf');
    await writeScriptedModel(path, { script: plainScript, name: 'Sail' });
    const { client } = app.side;
    const [file] = await client.models.files();
    const model = await client.models.add({ fileId: file?.fileId ?? '' });
    expect(await client.models.deleteFiles({ id: model.id })).toEqual({ freedBytes: model.sizeBytes });
    expect(app.recorded.filter(({ what }) => what === 'trash').map(({ value }) => value)).toEqual([path]);
    expect(await client.models.list()).toEqual([]);
  });

  it('a text is saved where the person says, and nowhere when the dialog is cancelled', async () => {
    const { app, folders } = await open();
    const { client } = app.side;
    const sheet = { fileName: '../../sheet.txt', text: 'SHA-256' };
    expect(await client.system.saveText(sheet)).toEqual({ saved: false });
    const target = join(folders.root, 'sheet.txt');
    let proposed: unknown;
    app.saveTo = (options) => {
      proposed = 'defaultPath' in options ? options.defaultPath : undefined;
      return target;
    };
    expect(await client.system.saveText(sheet)).toEqual({ saved: true });
    expect(proposed).toBe('sheet.txt');
    expect(readFileSync(target, 'utf8')).toBe('SHA-256');
    app.saveTo = () => join(folders.root, 'missing', 'sheet.txt');
    await expect(client.system.saveText(sheet)).rejects.toMatchObject({ code: 'invalid_input' });
  });
});
