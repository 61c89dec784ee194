import { createHash } from 'node:crypto';
import { readFile, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { OtherApp } from '../contract/index.ts';

/** Where another app keeps its models on this computer. */
export interface OtherAppFolder {
  readonly app: OtherApp;
  /** A folder that exists, resolved. */
  readonly path: string;
}

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
}

/** LM Studio writes the folder that it was told to use into this file. */
const LM_STUDIO_POINTER = '.lmstudio-home-pointer';

/**
 * Finds the model folders of other apps where they keep them by default or were told to by their own
 * environment variables. Nothing is read but names.
 */
export async function findOtherApps(around: Surroundings): Promise<OtherAppFolder[]> {
  const candidates: [OtherApp, string[]][] = [
    ['lm_studio', await lmStudioFolders(around)],
    ['ollama', ollamaFolders(around)],
    ['hugging_face', huggingFaceFolders(around)],
  ];
  const found: OtherAppFolder[] = [];
  for (const [app, paths] of candidates) {
    for (const path of paths) {
      const real = await folderAt(path);
      if (real !== null && !found.some((other) => other.path === real)) found.push({ app, path: real });
    }
  }
  return found;
}

/** Stable for the same path; nothing of the path can be read from it. */
export function sourceId(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 16);
}

async function lmStudioFolders({ home }: Surroundings): Promise<string[]> {
  const pointed = await readFile(join(home, LM_STUDIO_POINTER), 'utf8').catch(() => '');
  const own = pointed.trim();
  return [
    ...(isAbsolute(own) ? [join(own, 'models')] : []),
    join(home, '.lmstudio', 'models'),
    // Before version 0.3.
    join(home, '.cache', 'lm-studio', 'models'),
  ];
}

function ollamaFolders({ env, home }: Surroundings): string[] {
  const own = env['OLLAMA_MODELS'];
  return [
    ...(own && isAbsolute(own) ? [own] : []),
    join(home, '.ollama', 'models'),
    // The service of the Linux installer.
    '/usr/share/ollama/.ollama/models',
  ];
}

function huggingFaceFolders({ env, home }: Surroundings): string[] {
  const cache = env['HF_HUB_CACHE'] ?? env['HUGGINGFACE_HUB_CACHE'];
  const base = env['HF_HOME'];
  const xdg = env['XDG_CACHE_HOME'];
  return [
    ...(cache && isAbsolute(cache) ? [cache] : []),
    ...(base && isAbsolute(base) ? [join(base, 'hub')] : []),
    ...(xdg && isAbsolute(xdg) ? [join(xdg, 'huggingface', 'hub')] : []),
    join(home, '.cache', 'huggingface', 'hub'),
  ];
}

async function folderAt(path: string): Promise<string | null> {
  try {
    const real = await realpath(path);
    return (await stat(real)).isDirectory() ? real : null;
  } catch {
    return null;
  }
}
