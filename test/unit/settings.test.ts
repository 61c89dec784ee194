import { describe, expect, test, vi } from 'vitest';
import { errorCodeOf, type AppEvent } from '../../src-main/contract/index.ts';
import { createEventBus } from '../../src-main/events.ts';
import { GUIDE_ID } from '../../src-main/models/guide.ts';
import { DEFAULT_SETTINGS } from '../../src-main/settings/defaults.ts';
import { migrateSettings, SETTINGS_MIGRATIONS } from '../../src-main/settings/migrations.ts';
import { createSettings } from '../../src-main/settings/settings.ts';

function setUp(content: Record<string, unknown> = {}) {
  const disk = { content, writes: 0 };
  const bus = createEventBus('run');
  const events: AppEvent[] = [];
  bus.on((event) => events.push(event));
  const log = vi.fn();
  const file = {
    read: () => disk.content,
    write: (value: Record<string, unknown>) => {
      disk.content = structuredClone(value);
      disk.writes += 1;
    },
  };
  return { disk, events, log, file, bus, settings: createSettings({ file, bus, log }) };
}

describe('settings', () => {
  test('an empty file gives the defaults and is not written', () => {
    const { settings, disk } = setUp();
    expect(settings.get()).toEqual(DEFAULT_SETTINGS);
    expect(disk.writes).toBe(0);
  });

  test('a change is written with the version, announced once and survives a restart', () => {
    const first = setUp();
    const heard: unknown[] = [];
    first.settings.onChange((now, before) => heard.push([now.theme, before.theme]));
    first.settings.update({ theme: 'dark', threads: 4 });
    expect(first.disk.content).toMatchObject({ version: 1, theme: 'dark', threads: 4 });
    expect(heard).toEqual([['dark', 'system']]);
    expect(first.events).toEqual([{ type: 'settings.changed', settings: first.settings.get() }]);
    expect(setUp(first.disk.content).settings.get()).toEqual(first.settings.get());
  });

  test('the same value again writes and announces nothing', () => {
    const { settings, disk, events } = setUp();
    settings.update({ theme: 'system', defaultModelId: null });
    expect(disk.writes).toBe(0);
    expect(events).toEqual([]);
  });

  test('one invalid value falls back to its default, alone, and is named in the log without its content', () => {
    const { settings, log } = setUp({ version: 1, theme: 'canary-value', chatTextSize: 20, threads: -3 });
    expect(settings.get()).toEqual({ ...DEFAULT_SETTINGS, chatTextSize: 20 });
    expect(log.mock.calls).toEqual([
      ['settings.invalid', { key: 'theme' }],
      ['settings.invalid', { key: 'threads' }],
    ]);
  });

  test('the guide is no default: it reads, and is written, as none', () => {
    const { settings, disk } = setUp({ version: 1, defaultModelId: GUIDE_ID });
    expect(settings.get().defaultModelId).toBeNull();
    settings.update({ defaultModelId: GUIDE_ID, theme: 'dark' });
    expect(disk.content).toMatchObject({ defaultModelId: null, theme: 'dark' });
  });

  test('unknown keys and a newer version are kept through a write', () => {
    const { settings, disk } = setUp({ version: 99, fromTheFuture: { a: 1 }, theme: 'light' });
    settings.update({ chatTextSize: 17 });
    expect(disk.content).toMatchObject({
      version: 99,
      fromTheFuture: { a: 1 },
      theme: 'light',
      chatTextSize: 17,
    });
  });

  test('a patch with a bad value changes nothing and names the key', () => {
    const { settings, disk } = setUp();
    let caught: unknown;
    try {
      settings.update({ theme: 'dark', contextSize: 3 });
    } catch (error) {
      caught = error;
    }
    expect(errorCodeOf(caught)).toBe('invalid_input');
    expect(caught).toHaveProperty('data.details.key', 'contextSize');
    expect(settings.get().theme).toBe('system');
    expect(disk.writes).toBe(0);
  });

  test('a write that fails leaves the old values and tells nobody', () => {
    const { file, bus, events, log } = setUp();
    const settings = createSettings({
      file: {
        read: file.read,
        write: () => {
          throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
        },
      },
      bus,
      log,
    });
    expect(() => settings.update({ theme: 'dark' })).toThrow(expect.objectContaining({ code: 'disk_full' }));
    expect(settings.get().theme).toBe('system');
    expect(events).toEqual([]);
  });

  test('a file that cannot be read gives the defaults', () => {
    const { bus, log } = setUp();
    const file = {
      read: () => {
        throw new Error('not JSON');
      },
      write: () => {},
    };
    expect(createSettings({ file, bus, log }).get()).toEqual(DEFAULT_SETTINGS);
    expect(log).toHaveBeenCalledWith('settings.unreadable');
  });

  test('a disposed listener hears nothing', () => {
    const { settings } = setUp();
    const listener = vi.fn();
    settings.onChange(listener)();
    settings.update({ theme: 'dark' });
    expect(listener).not.toHaveBeenCalled();
  });
});

describe('migrations of settings', () => {
  test('numbers rise by one from 1', () => {
    expect(SETTINGS_MIGRATIONS.map(({ to }) => to)).toEqual(SETTINGS_MIGRATIONS.map((_, index) => index + 1));
  });

  test('run in order from the stored version on', () => {
    const migrations = [1, 2, 3].map((to) => ({
      to,
      up: (stored: Record<string, unknown>) => ({ ...stored, ran: [...(stored['ran'] as number[]), to] }),
    }));
    expect(migrateSettings({ version: 1, ran: [] }, migrations)).toEqual({ version: 3, ran: [2, 3] });
    expect(migrateSettings({ version: 'x', ran: [] }, migrations)).toEqual({ version: 3, ran: [1, 2, 3] });
    expect(migrateSettings({ version: 7, ran: [] }, migrations)).toEqual({ version: 7, ran: [] });
  });
});
