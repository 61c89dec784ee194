/** The settings object as it lies on disk: ours, a newer version's or damaged by hand. */
export type StoredSettings = Record<string, unknown>;

export interface SettingsMigration {
  /** The version that the object has afterwards. Numbers are never reused. */
  readonly to: number;
  readonly up: (stored: StoredSettings) => StoredSettings;
}

/** Append-only. Version 1 names the first shape, so that a file without a version counts as older. */
export const SETTINGS_MIGRATIONS: readonly SettingsMigration[] = [{ to: 1, up: (stored) => stored }];

/** Version of a stored object; 0 when it names none. */
export function settingsVersionOf(stored: StoredSettings): number {
  const { version } = stored;
  return typeof version === 'number' && Number.isInteger(version) && version >= 0 ? version : 0;
}

/**
 * Brings a stored object to the newest version. One from a newer app keeps its version and its keys, so that
 * going back and forth between two versions of the app loses nothing.
 */
export function migrateSettings(
  stored: StoredSettings,
  migrations: readonly SettingsMigration[] = SETTINGS_MIGRATIONS,
): StoredSettings {
  let current = { ...stored };
  for (const { to, up } of migrations) {
    if (to > settingsVersionOf(current)) current = { ...up(current), version: to };
  }
  return current;
}
