import { homedir } from 'node:os';
import { isAbsolute, relative, sep } from 'node:path';

/** A path for a person to read: the home folder, and with it the user's name, shortened to `~`. */
export function shortPath(path: string, home = homedir()): string {
  const below = relative(home, path);
  if (below === '') return '~';
  const outside = below === '..' || below.startsWith(`..${sep}`) || isAbsolute(below);
  return outside ? path : `~${sep}${below}`;
}
