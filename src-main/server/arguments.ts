import { delimiter, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

export interface ServeOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly dataDir: string;
  /** Folders whose GGUF files may be used. */
  readonly modelDirs: readonly string[];
  /** Made at start when it is missing; folders named by the user must exist. */
  readonly createModelDirs: boolean;
  /** One JSON line on stdout instead of sentences. */
  readonly json: boolean;
}

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly platform: NodeJS.Platform;
}

export type ParsedArguments =
  { kind: 'options'; options: ServeOptions } | { kind: 'help' } | { kind: 'refused'; message: string };

export const LOOPBACK = '127.0.0.1';

export const USAGE = `npm run serve -- [options]

  --port N          port to listen on; 0, the default, takes any free one
  --data-dir DIR    where chats and settings are kept (or LEEWARD_DATA_DIR)
  --models-dir DIR  folder with GGUF files, may be given more than once (or LEEWARD_MODELS_DIR)
  --host ADDRESS    address to listen on; ${LOOPBACK}, the default, is reached from this computer only
  --json            print one line of JSON when ready
  --help            print this text

LEEWARD_HF_TOKEN    access token of Hugging Face, for models that ask for one`;

/** Reads the command line of the browser host; the environment and the system's habits fill what it leaves out. */
export function parseServeArguments(args: readonly string[], around: Surroundings): ParsedArguments {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        port: { type: 'string', default: '0' },
        'data-dir': { type: 'string' },
        'models-dir': { type: 'string', multiple: true },
        host: { type: 'string', default: LOOPBACK },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    return {
      kind: 'refused',
      message: error instanceof Error ? error.message : 'The options cannot be read.',
    };
  }
  if (values.help) return { kind: 'help' };
  const port = /^\d{1,5}$/.test(values.port) ? Number(values.port) : NaN;
  if (!(port <= 65_535)) {
    return { kind: 'refused', message: `--port takes a number from 0 to 65535, not "${values.port}".` };
  }
  if (!/^[A-Za-z0-9.:-]+$/.test(values.host)) {
    return { kind: 'refused', message: `--host takes an address or a name, not "${values.host}".` };
  }
  if (values['data-dir'] === '' || values['models-dir']?.includes('')) {
    return { kind: 'refused', message: 'A folder option is empty.' };
  }
  const ownDataDir = values['data-dir'] ?? (around.env['LEEWARD_DATA_DIR'] || undefined);
  const dataDir = resolve(ownDataDir ?? defaultDataDir(around));
  const named = values['models-dir'] ?? splitFolders(around.env['LEEWARD_MODELS_DIR']);
  // A data folder of one's own brings its models folder, so that nothing outside it is touched.
  const fallback =
    ownDataDir === undefined ? join(around.home, 'Leeward', 'models') : join(dataDir, 'models');
  return {
    kind: 'options',
    options: {
      host: values.host,
      port,
      dataDir,
      modelDirs: (named.length > 0 ? named : [fallback]).map((dir) => resolve(dir)),
      createModelDirs: named.length === 0,
      json: values.json,
    },
  };
}

function splitFolders(list: string | undefined): string[] {
  return (list ?? '').split(delimiter).filter((dir) => dir !== '');
}

/** Where each system keeps what an application writes. */
export function defaultDataDir({ env, home, platform }: Surroundings): string {
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'Leeward');
  if (platform === 'win32') return join(env['APPDATA'] || join(home, 'AppData', 'Roaming'), 'Leeward');
  return join(env['XDG_DATA_HOME'] || join(home, '.local', 'share'), 'leeward');
}
