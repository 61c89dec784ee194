import { join } from 'node:path';
import { app, powerMonitor, shell } from 'electron';
import { guideFile } from '../models/guide.ts';
import { shortPath } from '../models/short-path.ts';
import type { Platform, SecretName } from '../platform.ts';
import { createLogger } from '../server/logger.ts';
import { openExternal, pickModelFiles, pickModelFolder, saveText, showSettingsBroken } from './dialogs.ts';
import { nodeBinaryPath } from './node-binary.ts';
import { canNotify } from './notices.ts';
import { openDesktopSecrets } from './secrets.ts';
import { openDesktopSettingsFile } from './settings-file.ts';

/**
 * What the desktop host provides. After the app is ready.
 * @param dataDir exists and is held by this process
 * @param given secrets that came with the start
 */
export function createDesktopPlatform(
  dataDir: string,
  folders: Pick<Platform['paths'], 'modelFolders' | 'otherApps'>,
  given: Readonly<Partial<Record<SecretName, string>>>,
): Platform {
  const log = createLogger(join(dataDir, 'logs'));
  const secrets = openDesktopSecrets(dataDir, log, given);
  return {
    host: 'desktop',
    capabilities: {
      canPickFile: true,
      canRevealInFolder: false,
      // May turn out false when the system's key store is first asked.
      get canKeepSecrets() {
        return secrets.canKeep;
      },
      canOpenExternal: true,
      canSaveFile: true,
      canTrashFiles: true,
      canShowTray: true,
      canCloseToTray: process.platform !== 'darwin',
      canNotify: canNotify(),
    },
    paths: { dataDir, dataDirLabel: shortPath(dataDir), guideFile: guideFile(), ...folders },
    settingsFile: openDesktopSettingsFile(dataDir, (keptAs) => {
      log('settings.broken');
      showSettingsBroken(keptAs);
    }),
    secrets,
    nodeBinary: nodeBinaryPath({
      isPackaged: app.isPackaged,
      resourcesPath: process.resourcesPath,
      appPath: app.getAppPath(),
      platform: process.platform,
      arch: process.arch,
    }),
    isOnBattery: () => powerMonitor.onBatteryPower,
    pickModelFiles,
    pickModelFolder,
    saveText,
    trashFile: (path) => shell.trashItem(path),
    openExternal,
    log,
  };
}
