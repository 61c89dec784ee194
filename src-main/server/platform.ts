import { createHash } from 'node:crypto';
import { mkdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { guideFile } from '../models/guide.ts';
import { shortPath } from '../models/short-path.ts';
import type { AllowedFolder, Platform } from '../platform.ts';
import { takeGivenSecrets } from '../privacy/given-secrets.ts';
import { createMemorySecrets } from '../privacy/memory-secrets.ts';
import type { ServeOptions } from './arguments.ts';
import { createLogger } from './logger.ts';
import { openSettingsFile } from './settings-file.ts';

/** A folder option that cannot be used; the message is for the person at the terminal. */
export class FolderError extends Error {}

/**
 * Resolves the allowed folders to real paths; the default one is made when it is missing.
 * @throws FolderError for a folder that the user named and that is not there, or that cannot be made
 */
export function openModelFolders(
  options: Pick<ServeOptions, 'modelDirs' | 'createModelDirs'>,
): AllowedFolder[] {
  const paths = options.modelDirs.map((dir) => {
    if (options.createModelDirs) makeFolder(dir);
    if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory()) {
      throw new FolderError(`There is no folder ${dir}.`);
    }
    return realpathSync(dir);
  });
  return [...new Set(paths)].map((path) => ({ id: folderId(path), path }));
}

function makeFolder(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true });
  } catch {
    throw new FolderError(`The folder ${dir} cannot be made.`);
  }
}

/** The same for the same path, in every run, and nothing of the path can be read from it. */
function folderId(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 16);
}

/**
 * What the browser host provides: no dialogs, secrets in memory only, files through the allowed folders.
 * @param dataDir exists and is held by this process
 * @param tell a sentence for the person at the terminal
 */
export function createBrowserPlatform(
  dataDir: string,
  folders: Pick<Platform['paths'], 'modelFolders' | 'otherApps'>,
  tell: (sentence: string) => void,
  env: NodeJS.ProcessEnv = process.env,
): Platform {
  const log = createLogger(join(dataDir, 'logs'));
  return {
    host: 'browser',
    capabilities: {
      canPickFile: false,
      canRevealInFolder: false,
      canKeepSecrets: false,
      canOpenExternal: false,
      canSaveFile: false,
      canTrashFiles: false,
      canShowTray: false,
      canCloseToTray: false,
      canNotify: false,
    },
    paths: { dataDir, dataDirLabel: shortPath(dataDir), guideFile: guideFile(env), ...folders },
    settingsFile: openSettingsFile(dataDir, (keptAs) => {
      log('settings.broken');
      tell(`The settings file could not be read. It is kept as ${keptAs}, and the defaults are used.`);
    }),
    secrets: createMemorySecrets(takeGivenSecrets(env, tell)),
    // The Node that serves is the pinned one: npm puts it first on the path.
    nodeBinary: process.execPath,
    log,
  };
}
