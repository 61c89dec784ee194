import { existsSync, statSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { appError } from '../contract/index.ts';
import type { Entry } from './entry.ts';
import { PARTIAL, targetsOf } from './target-names.ts';

const namesOf = ({ record: { repo, revision, parts } }: Entry) => ({
  repo,
  revision,
  paths: parts.map(({ path }) => path),
});

/** Chooses final names that no other file and no other download has; a file that may be the very one counts as free. */
export function chooseTargets(entry: Entry, folder: string, all: Iterable<Entry>): void {
  const { parts } = entry.record;
  const others = [...all].filter((other) => other !== entry && other.record.kind === 'download');
  const claimed = new Set(
    others.flatMap((other) => other.record.parts.map(({ target }) => target.toLowerCase())),
  );
  const isTaken = (path: string, part: number) => {
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? null;
    const isOther = size !== null && size !== parts[part]?.sizeBytes;
    // Of a download that has not begun no partial file is its own.
    return isOther || existsSync(path + PARTIAL) || claimed.has(path.toLowerCase());
  };
  const targets = targetsOf(namesOf(entry), folder, isTaken);
  for (const [index, part] of parts.entries()) part.target = targets[index] ?? part.target;
}

/**
 * Another file has the final name: chooses names that nothing has, and takes along what has come.
 * @throws conflict when there are none
 */
export async function moveTargets(entry: Entry, folder: string): Promise<void> {
  const { parts } = entry.record;
  const targets = targetsOf(namesOf(entry), folder, (path) => existsSync(path) || existsSync(path + PARTIAL));
  if (targets.some((target) => existsSync(target))) throw appError('conflict', { reason: 'target_taken' });
  for (const [index, part] of parts.entries()) {
    const to = targets[index] ?? part.target;
    await mkdir(dirname(to), { recursive: true });
    const isMoved = part.isVerified && part.isOurs;
    const ending = isMoved ? '' : PARTIAL;
    // There may be nothing yet.
    await rename(part.target + ending, to + ending).catch(() => {});
    Object.assign(part, { target: to, isVerified: isMoved });
  }
}
