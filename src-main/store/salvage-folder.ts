import { rmSync } from 'node:fs';
import { join } from 'node:path';

/** Where the readable part of a damaged database lies while someone looks at it. */
export const salvageFolder = (dataDir: string) => join(dataDir, 'salvaged');

/** Removes it: what is deleted or erased later must not stay here. */
export function discardSalvaged(dataDir: string): void {
  rmSync(salvageFolder(dataDir), { recursive: true, force: true });
}
