import { isDeepStrictEqual } from 'node:util';
import * as v from 'valibot';
import { appError, Settings } from '../contract/index.ts';
import type { EventBus } from '../events.ts';
import { GUIDE_ID } from '../models/guide.ts';
import type { Platform, SettingsFile } from '../platform.ts';
import { DEFAULT_SETTINGS } from './defaults.ts';
import { migrateSettings, type StoredSettings } from './migrations.ts';

/** Some settings; a key that is undefined counts as left out. */
export type SettingsPatch = { [K in keyof Settings]?: Settings[K] | undefined };

export interface SettingsService {
  get(): Settings;
  /**
   * Validates, writes and announces the change. Nothing happens when no value differs.
   * @throws invalid_input with the `key` that does not fit, disk_full; nothing is changed then
   */
  update(patch: SettingsPatch): Settings;
  /** Calls back after every change; returns the dispose. */
  onChange(listener: (settings: Settings, previous: Settings) => void): () => void;
}

interface SettingsOptions {
  file: SettingsFile;
  bus: EventBus;
  log: Platform['log'];
}

/** The settings of one data folder. Reads the file once, here; the app is its only writer. */
export function createSettings({ file, bus, log }: SettingsOptions): SettingsService {
  const listeners = new Set<(settings: Settings, previous: Settings) => void>();
  let stored = migrateSettings(readStored(file, log));
  let current = validSettings(stored, log);

  return {
    get: () => current,
    update(patch) {
      const previous = current;
      const next = withPatch(current, patch);
      if (isDeepStrictEqual(next, previous)) return current;
      const nextStored = { ...stored, ...next };
      // Written first: a change that did not reach the disk must not look done.
      writeStored(file, nextStored);
      stored = nextStored;
      current = next;
      for (const listener of [...listeners]) listener(current, previous);
      bus.emit({ type: 'settings.changed', settings: current });
      return current;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function readStored(file: SettingsFile, log: Platform['log']): StoredSettings {
  try {
    return file.read();
  } catch {
    log('settings.unreadable');
    return {};
  }
}

function writeStored(file: SettingsFile, value: StoredSettings): void {
  try {
    file.write(value);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    throw code === 'ENOSPC' || code === 'EDQUOT' ? appError('disk_full', undefined, { cause: error }) : error;
  }
}

/** The stored values that fit the schema; a default for each that is missing or does not fit. */
function validSettings(stored: StoredSettings, log: Platform['log']): Settings {
  const kept: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(Settings.entries)) {
    if (!Object.hasOwn(stored, key)) continue;
    if (v.is(schema, stored[key])) kept[key] = stored[key];
    else log('settings.invalid', { key });
  }
  return withoutGuide(v.parse(Settings, { ...DEFAULT_SETTINGS, ...kept }));
}

function withPatch(current: Settings, patch: SettingsPatch): Settings {
  const defined = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined));
  const result = v.safeParse(Settings, { ...current, ...defined });
  if (result.success) return withoutGuide(result.output);
  const key = result.issues[0].path?.[0]?.key;
  throw appError('invalid_input', { key: typeof key === 'string' ? key : null });
}

/** The guide answers where there is no default: it is none itself, and so it makes room for the first real model. */
function withoutGuide(settings: Settings): Settings {
  return settings.defaultModelId === GUIDE_ID ? { ...settings, defaultModelId: null } : settings;
}
