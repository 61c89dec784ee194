import { rmSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { LlamaContextSequence, Token } from 'node-llama-cpp';
import { LOW_SPACE_BYTES } from '../../contract/index.ts';
import type { CopyEvent } from './contract.ts';
import type { LoadedModel } from './model.ts';
import { cutToSent, readInto } from './saved-state.ts';
import type { Seeker } from './sequences.ts';

interface Copying {
  /** Of a file that does not exist yet; left out where the chat must not be on the disk. */
  copyPath?: string | undefined;
  /** Of that file, at the most. */
  copyMaxBytes?: number | undefined;
  /** Fires when the user stops. */
  signal: AbortSignal;
  /** Told once for each path, when there is no file any more. */
  emit: (event: CopyEvent) => void;
}

/**
 * Takes a sequence for a prompt; null, and nothing is taken, when it is stopped before. Where another branch of the
 * chat, or a chat that begins alike, stays in its own, what both begin with comes out of that one: the library has no
 * copy in memory, so it goes through a file that is gone when this ends.
 */
export async function takeSequence(
  loaded: LoadedModel,
  tokens: readonly Token[],
  { copyPath, copyMaxBytes, signal, emit, ...seeker }: Omit<Seeker, 'mayCopy' | 'maxCopyTokens'> & Copying,
): Promise<LlamaContextSequence | null> {
  const { sequences } = loaded;
  const startMs = performance.now();
  let bytes = 0;
  try {
    while (sequences.isCopying) await sequences.copied();
    if (signal.aborted) return null;
    const mayCopy = copyPath !== undefined && hasRoom(loaded, copyPath);
    const maxCopyTokens = (copyMaxBytes ?? Infinity) / (loaded.bytesPerToken ?? 1);
    const choice = sequences.takeForBranch(tokens, { ...seeker, mayCopy, maxCopyTokens });
    if (copyPath === undefined || !choice.source) return choice.sequence;
    const copy = async (source: LlamaContextSequence, draftAt: number | null) => {
      try {
        await cutToSent(source, draftAt);
        if (signal.aborted) return false;
        bytes = (await source.saveStateToFile(copyPath)).fileSize;
        if (signal.aborted) return false;
        const isRead = await readInto(choice.sequence, copyPath, source.contextTokens);
        // What is left in a sequence after a refused file is of no use.
        if (!isRead) await loaded.renew(choice.sequence);
        return isRead;
      } finally {
        rmSync(copyPath, { force: true });
      }
    };
    return await sequences.copy(choice, copy, signal);
  } finally {
    if (copyPath !== undefined) emit({ type: 'copied', bytes, elapsedMs: performance.now() - startMs });
  }
}

/** A full disk is not made fuller, not even for a moment. */
function hasRoom({ bytesPerToken, context }: LoadedModel, path: string): boolean {
  if (bytesPerToken === null) return false;
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize - bytesPerToken * context.contextSize > LOW_SPACE_BYTES;
  } catch {
    return false;
  }
}
