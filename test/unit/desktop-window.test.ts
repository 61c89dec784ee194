import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AppEvent, HostCommand } from '../../src-main/contract/index.ts';
import { menuTemplate } from '../../src-main/electron/menu-template.ts';
import { createRunningAnswers } from '../../src-main/electron/running-answers.ts';
import { placeWindow, readWindowState, writeWindowState } from '../../src-main/electron/window-state.ts';

const main = { x: 0, y: 25, width: 1920, height: 1055 };
const right = { x: 1920, y: 0, width: 1280, height: 1024 };
const state = { x: 100, y: 100, width: 1000, height: 700, maximised: false };

describe('placeWindow', () => {
  it.each([
    ['the first start', null, [main], { width: 1200, height: 800 }],
    ['as it was', state, [main], { x: 100, y: 100, width: 1000, height: 700 }],
    [
      'on the other screen',
      { ...state, x: 2000 },
      [main, right],
      { x: 2000, y: 100, width: 1000, height: 700 },
    ],
    ['its screen is gone', { ...state, x: 2000 }, [main], { width: 1000, height: 700 }],
    ['above the screen', { ...state, y: -50 }, [main], { width: 1000, height: 700 }],
    ['below the screen', { ...state, y: 1070 }, [main], { width: 1000, height: 700 }],
    ['a sliver is left', { ...state, x: -950 }, [main], { width: 1000, height: 700 }],
    ['enough is left', { ...state, x: -900 }, [main], { x: -900, y: 100, width: 1000, height: 700 }],
    [
      'larger than the screen',
      { ...state, width: 4000, height: 4000 },
      [main],
      { x: 100, y: 100, width: 1920, height: 1055 },
    ],
    ['too small', { ...state, width: 10, height: 10 }, [main], { width: 480, height: 480 }],
    ['a tiny screen', null, [{ x: 0, y: 0, width: 400, height: 300 }], { width: 400, height: 300 }],
    ['no screen at all', state, [], { width: 1000, height: 700 }],
  ])('%s', (_case, stored, workAreas, bounds) => {
    expect(placeWindow(stored, workAreas).bounds).toEqual(bounds);
  });

  it('keeps it maximised', () => {
    expect(placeWindow({ ...state, maximised: true }, [main]).maximised).toBe(true);
  });
});

describe('the window state file', () => {
  it('comes back as it was written, and is the owner’s alone', () => {
    const dir = mkdtempSync(join(tmpdir(), 'leeward-window-'));
    const path = join(dir, 'window-state.json');
    expect(readWindowState(path)).toBeNull();
    writeWindowState(path, state);
    expect(readWindowState(path)).toEqual(state);
    if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o600);
    for (const damaged of ['', '{}', '[]', '{"x":"1"}', JSON.stringify({ ...state, width: 1e9 })]) {
      writeFileSync(path, damaged);
      expect(readWindowState(path), damaged).toBeNull();
    }
    rmSync(dir, { recursive: true, force: true });
    // A folder that is gone costs the position, nothing else.
    expect(() => writeWindowState(path, state)).not.toThrow();
  });
});

describe('menuTemplate', () => {
  const build = (platform: NodeJS.Platform, isPackaged = true) => {
    const ran: HostCommand[] = [];
    const menus = menuTemplate({ platform, isPackaged }, (command) => ran.push(command));
    const items = menus.flatMap(({ submenu }) => (Array.isArray(submenu) ? submenu : []));
    return { menus, items, ran };
  };
  const click = (item: ReturnType<typeof build>['items'][number]) =>
    (item.click as (() => void) | undefined)?.();

  it.each(['linux', 'win32', 'darwin'] as const)(
    '%s: every item does something, and has a text or a role',
    (platform) => {
      const { items, ran } = build(platform);
      for (const item of items) {
        expect(item.role ?? item.label ?? item.type).toBeDefined();
        click(item);
      }
      expect(ran.toSorted()).toEqual([
        'chat',
        'models',
        'newChat',
        'openModel',
        'performance',
        'settings',
        'shortcuts',
      ]);
      expect(items.filter(({ role }) => role === 'quit')).toHaveLength(1);
    },
  );

  it('gives macOS its application menu, and others quit and settings in File', () => {
    expect(build('darwin').menus[0]?.role).toBe('appMenu');
    expect(build('linux').menus[0]?.role).toBe('fileMenu');
  });

  it('offers the developer tools in development only, and a reload nowhere', () => {
    const roles = (isPackaged: boolean) => build('linux', isPackaged).items.map(({ role }) => role);
    expect(roles(true)).not.toContain('toggleDevTools');
    expect(roles(false)).toContain('toggleDevTools');
    for (const role of ['reload', 'forceReload'] as const) expect(roles(false)).not.toContain(role);
  });

  it('shows the keys that the page takes and does not take them itself', () => {
    for (const item of build('linux').items)
      if (item.accelerator !== undefined) expect(item.registerAccelerator).toBe(false);
  });
});

describe('createRunningAnswers', () => {
  const chunk = (messageId: string): AppEvent => ({
    type: 'message.chunk',
    conversationId: 'c',
    messageId,
    seq: 1,
    kind: 'answer',
    text: 'x',
  });
  const settled = (messageId: string): AppEvent => ({
    type: 'generation.settled',
    conversationId: 'c',
    messageId,
  });

  it('counts what runs and tells how long it took', () => {
    let now = 0;
    const running = createRunningAnswers(() => now);
    expect(running.handle(chunk('a'))).toBeNull();
    now = 1_000;
    running.handle(chunk('b'));
    running.handle(chunk('a'));
    expect(running.list.map(({ messageId }) => messageId)).toEqual(['a', 'b']);
    now = 5_000;
    expect(running.handle(settled('a'))).toEqual({ messageId: 'a', conversationId: 'c', tookMs: 5_000 });
    expect(running.handle(settled('b'))?.tookMs).toBe(4_000);
    expect(running.handle(settled('b'))).toBeNull();
    expect(running.handle({ type: 'models.changed' })).toBeNull();
    expect(running.list).toEqual([]);
  });
});
