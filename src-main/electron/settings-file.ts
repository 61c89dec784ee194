import { ipcMain } from 'electron';
import Store from 'electron-store';
import type { SettingsFile } from '../platform.ts';
import { setBrokenAside, SETTINGS_STORE_OPTIONS, settingsFileOf } from '../server/settings-file.ts';

/**
 * The settings file of a data folder: the same file, form and rules as the browser host's.
 * @param onBroken told the name that a file has now which could not be read
 */
export function openDesktopSettingsFile(dataDir: string, onBroken: (keptAs: string) => void): SettingsFile {
  setBrokenAside(dataDir, onBroken);
  const { configName, ...options } = SETTINGS_STORE_OPTIONS;
  const store = new Store<Record<string, unknown>>({ ...options, name: configName, cwd: dataDir });
  // It offers its paths to renderers, and ours has no use for them.
  ipcMain.removeAllListeners('electron-store-get-data');
  return settingsFileOf(store);
}
