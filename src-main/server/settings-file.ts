import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import Conf from 'conf';
import { appError } from '../contract/index.ts';
import type { SettingsFile } from '../platform.ts';

const NAME = 'settings';
const EXTENSION = 'json';
const OWNER_ONLY = 0o600;

/**
 * The settings file of a data folder, `settings.json`, in the form that the desktop host's store has too.
 * A file that is not a JSON object is kept beside it under another name, and defaults are used.
 * @param onBroken told the name that the broken file has now
 */
export function openSettingsFile(dataDir: string, onBroken: (keptAs: string) => void): SettingsFile {
  const path = join(dataDir, `${NAME}.${EXTENSION}`);
  if (existsSync(path) && !isJsonObject(path)) {
    const keptAs = `${NAME}.broken-${Date.now()}.${EXTENSION}`;
    renameSync(path, join(dataDir, keptAs));
    onBroken(keptAs);
  }
  const conf = new Conf<Record<string, unknown>>({
    cwd: dataDir,
    configName: NAME,
    fileExtension: EXTENSION,
    configFileMode: OWNER_ONLY,
    accessPropertiesByDotNotation: false,
    clearInvalidConfig: false,
  });
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
