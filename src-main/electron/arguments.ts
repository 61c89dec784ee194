import { delimiter, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultDataDir, type Surroundings } from '../server/arguments.ts';

export interface DesktopOptions {
  readonly dataDir: string;
  /** Folders whose GGUF files may be used. */
  readonly modelDirs: readonly string[];
  /** Made at start when it is missing; folders named by the user must exist. */
  readonly createModelDirs: boolean;
}

/**
 * Reads the command line of the desktop host with the options and defaults of the browser host. Switches that
 * it does not know are Chromium's, and the system's own: they are passed over. Pure.
 * @param args after the program and, in development, the script
 */
export function parseDesktopArguments(args: readonly string[], around: Surroundings): DesktopOptions {
  const { values } = parseArgs({
    args: [...args],
    strict: false,
    options: { 'data-dir': { type: 'string' }, 'models-dir': { type: 'string', multiple: true } },
  });
  const named = [values['models-dir'] ?? []].flat().filter((dir) => typeof dir === 'string' && dir !== '');
  const fromEnvironment = (around.env['LEEWARD_MODELS_DIR'] ?? '')
    .split(delimiter)
    .filter((dir) => dir !== '');
  const modelDirs = named.length > 0 ? named.map(String) : fromEnvironment;
  const given = values['data-dir'];
  const ownDataDir =
    (typeof given === 'string' && given !== '' ? given : undefined) ||
    around.env['LEEWARD_DATA_DIR'] ||
    undefined;
  const dataDir = resolve(ownDataDir ?? defaultDataDir(around));
  // A data folder of one's own brings its models folder, so that nothing outside it is touched.
  const fallback =
    ownDataDir === undefined ? join(around.home, 'Leeward', 'models') : join(dataDir, 'models');
  return {
    dataDir,
    modelDirs: (modelDirs.length > 0 ? modelDirs : [fallback]).map((dir) => resolve(dir)),
    createModelDirs: modelDirs.length === 0,
  };
}

/** GGUF files that a command line names, as the system does when a file is opened with the app. Pure. */
export function modelFilesIn(args: readonly string[], workingDirectory: string): string[] {
  return args
    .filter((arg) => !arg.startsWith('-') && /\.gguf$/iu.test(arg))
    .map((arg) => resolve(workingDirectory, arg));
}
