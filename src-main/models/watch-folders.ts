import { watch, type FSWatcher } from 'node:fs';

/** Files come in bursts: an unpacked archive, a move of a folder. */
const SETTLE_MS = 500;

/** Watches folders for model files that come, go or change. */
export interface FolderWatch {
  /** Watches exactly these from now on. A folder that cannot be watched is left alone. */
  set(paths: readonly string[]): void;
  close(): void;
}

/** @param changed called once a burst has settled */
export function watchFolders(changed: () => void): FolderWatch {
  const watchers = new Map<string, FSWatcher>();
  let timer: NodeJS.Timeout | undefined;

  const announce = () => {
    clearTimeout(timer);
    timer = setTimeout(changed, SETTLE_MS);
    timer.unref();
  };
  const drop = (path: string) => {
    watchers.get(path)?.close();
    watchers.delete(path);
  };
  const start = (path: string) => {
    try {
      const watcher = watch(path, { recursive: true, persistent: false }, (_event, name) => {
        if (name === null || !isUnfinished(name)) announce();
      });
      // Taken away, unmounted, or the system's limit of watches is reached.
      watcher.on('error', () => drop(path));
      watchers.set(path, watcher);
    } catch {
      // Not there now; the list is read again when the page asks.
    }
  };

  return {
    set(paths) {
      for (const path of [...watchers.keys()]) if (!paths.includes(path)) drop(path);
      for (const path of paths) if (!watchers.has(path)) start(path);
    },
    close() {
      clearTimeout(timer);
      for (const path of [...watchers.keys()]) drop(path);
    },
  };
}

/** A download writes all the time; it is of interest when it gets its name. */
function isUnfinished(name: string): boolean {
  return /\.(?:part|incomplete|tmp)$/iu.test(name);
}
