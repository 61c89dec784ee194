import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import Conf from 'conf';
import { appError } from '../contract/index.ts';
import type { SettingsFile } from '../platform.ts';

const NAME = 'settings';
const EXTENSION = 'json';
const OWNER_ONLY = 0o600;

/** How both hosts keep their settings: the desktop's store is a `Conf` too. */
export const SETTINGS_STORE_OPTIONS = {
  configName: NAME,
  fileExtension: EXTENSION,
  configFileMode: OWNER_ONLY,
  accessPropertiesByDotNotation: false,
  clearInvalidConfig: false,
} as const;

/**
 * The settings file of a data folder, `settings.json`, in the form that the desktop host's store has too.
 * A file that is not a JSON object is kept beside it under another name, and defaults are used.
 * @param onBroken told the name that the broken file has now
 */
export function openSettingsFile(dataDir: string, onBroken: (keptAs: string) => void): SettingsFile {
  setBrokenAside(dataDir, onBroken);
  return settingsFileOf(new Conf<Record<string, unknown>>({ ...SETTINGS_STORE_OPTIONS, cwd: dataDir }));
}

/** Keeps a settings file that is not a JSON object under another name. */
export function setBrokenAside(dataDir: string, onBroken: (keptAs: string) => void): void {
  const path = join(dataDir, `${NAME}.${EXTENSION}`);
  if (!existsSync(path) || isJsonObject(path)) return;
  const keptAs = `${NAME}.broken-${Date.now()}.${EXTENSION}`;
  renameSync(path, join(dataDir, keptAs));
  onBroken(keptAs);
}

/** What the core sees of a store. */
export function settingsFileOf(conf: { store: Record<string, unknown> }): SettingsFile {
  return {
    read: () => ({ ...conf.store }),
    write(value) {
      try {
        conf.store = value;
      } catch (error) {
        const isFull = error instanceof Error && 'code' in error && error.code === 'ENOSPC';
        throw isFull ? appError('disk_full', undefined, { cause: error }) : error;
      }
    },
  };
}

function isJsonObject(path: string): boolean {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
