import { watch, type FSWatcher } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_DEPTH } from './model-files.ts';

/** Files come in bursts: an unpacked archive, a move of a folder. */
const SETTLE_MS = 500;
/**
 * Linux watches each folder by itself, and a user may have some 8,000 of them on older systems. The cache of a
 * hundred models has 500; more is somebody's home.
 */
const MAX_WATCHED = 1_000;
/** How often the folders of models are looked at where not all can be watched: one call each. */
const LOOK_MS = 60_000;

/** Watches folders for model files that come, go or change. */
export interface FolderWatch {
  /** Watches exactly these from now on. A folder that cannot be watched is left alone. */
  set(paths: readonly string[]): void;
  /** False for one that holds too many folders: those of its models are looked at now and then. */
  isWatched(path: string): boolean;
  /** Resolves when what was set is watched. */
  settled(): Promise<void>;
  close(): void;
}

interface WatchOptions {
  /** Called once a burst has settled. */
  changed(): void;
  /** Folders below one that hold model files. */
  modelFolders(path: string): Promise<readonly string[]>;
  /** For tests. */
  maxWatched?: number;
  lookMs?: number;
  /** The system watches a folder with everything below it. */
  isRecursive?: boolean;
}

/** One folder that was set, until it is dropped. */
interface Watched {
  readonly watchers: Map<string, FSWatcher>;
  /** Too many folders to watch. */
  isTooLarge: boolean;
  /** Times of the folders that are looked at instead. */
  times: string | null;
  timer: NodeJS.Timeout | undefined;
  isDropped: boolean;
  ready: Promise<void>;
}

export function watchFolders(options: WatchOptions): FolderWatch {
  const { maxWatched = MAX_WATCHED, lookMs = LOOK_MS } = options;
  const { isRecursive = process.platform !== 'linux' } = options;
  const roots = new Map<string, Watched>();
  let settle: NodeJS.Timeout | undefined;

  const announce = () => {
    clearTimeout(settle);
    settle = setTimeout(options.changed, SETTLE_MS);
    settle.unref();
  };

  const watchOne = (root: string, watched: Watched, path: string) => {
    if (watched.watchers.has(path)) return;
    const drop = () => {
      watched.watchers.get(path)?.close();
      watched.watchers.delete(path);
    };
    try {
      const watcher = watch(path, { recursive: isRecursive, persistent: false }, (event, name) => {
        if (name !== null && isUnfinished(name)) return;
        announce();
        // A folder may have come.
        if (!isRecursive && event === 'rename')
          watched.ready = watched.ready.then(() => cover(root, watched));
      });
      // Taken away, unmounted, or the system's limit of watches is reached.
      watcher.on('error', drop);
      watched.watchers.set(path, watcher);
    } catch {
      // Not there now; the list is read again when the page asks.
    }
  };

  /** Watches the folder and those below it, or looks at those with models when they are too many. */
  const cover = async (root: string, watched: Watched): Promise<void> => {
    if (watched.isDropped || watched.isTooLarge) return;
    const folders = isRecursive ? [root] : await foldersBelow(root, maxWatched);
    if (watched.isDropped) return;
    if (folders !== null) {
      for (const path of folders) watchOne(root, watched, path);
      return;
    }
    watched.isTooLarge = true;
    for (const watcher of watched.watchers.values()) watcher.close();
    watched.watchers.clear();
    const look = async () => {
      const times = await timesOf([root, ...(await options.modelFolders(root))]);
      if (watched.isDropped) return;
      if (watched.times !== null && watched.times !== times) announce();
      watched.times = times;
      watched.timer = setTimeout(() => void look(), lookMs);
      watched.timer.unref();
    };
    await look();
  };

  const drop = (path: string) => {
    const watched = roots.get(path);
    if (!watched) return;
    roots.delete(path);
    watched.isDropped = true;
    clearTimeout(watched.timer);
    for (const watcher of watched.watchers.values()) watcher.close();
  };

  return {
    set(paths) {
      for (const path of [...roots.keys()]) if (!paths.includes(path)) drop(path);
      for (const path of paths) {
        if (roots.has(path)) continue;
        const ready = Promise.resolve();
        const watched: Watched = {
          ...{
            watchers: new Map(),
            isTooLarge: false,
            times: null,
            timer: undefined,
            isDropped: false,
            ready,
          },
        };
        roots.set(path, watched);
        watched.ready = cover(path, watched);
      }
    },
    isWatched: (path) => roots.get(path)?.isTooLarge !== true,
    async settled() {
      await Promise.all([...roots.values()].map(({ ready }) => ready));
    },
    close() {
      clearTimeout(settle);
      for (const path of [...roots.keys()]) drop(path);
    },
  };
}

/** The folder and those below it, as deep as models are looked for; null when they are too many. */
async function foldersBelow(root: string, limit: number): Promise<string[] | null> {
  const folders = [root];
  let level = [root];
  for (let depth = 1; depth < MAX_DEPTH && level.length > 0; depth += 1) {
    const next: string[] = [];
    for (const folder of level) {
      try {
        for await (const entry of await opendir(folder)) {
          if (!entry.isDirectory()) continue;
          const path = join(folder, entry.name);
          next.push(path);
          folders.push(path);
          if (folders.length > limit) return null;
        }
      } catch {
        // It may not be read, or has gone.
      }
    }
    level = next;
  }
  return folders;
}

/** When something last came to or left each of the folders. */
async function timesOf(paths: readonly string[]): Promise<string> {
  const times = await Promise.all(
    [...new Set(paths)].map((path) =>
      stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  return times.join(' ');
}

/** A download writes all the time; it is of interest when it gets its name. */
function isUnfinished(name: string): boolean {
  return /\.(?:part|incomplete|tmp)$/iu.test(name);
}
