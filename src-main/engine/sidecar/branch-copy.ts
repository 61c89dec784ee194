import { rmSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { LlamaContextSequence, Token } from 'node-llama-cpp';
import { LOW_SPACE_BYTES } from '../../contract/index.ts';
import type { CopyEvent } from './contract.ts';
import type { LoadedModel } from './model.ts';
import { cutToSent, readInto } from './saved-state.ts';
import type { Seeker } from './sequences.ts';

/**
 * Takes a sequence for a prompt. Where another branch of the chat stays in its own, what both begin with comes out of
 * that one: the library has no copy in memory, so it goes through a file that is gone when this ends.
 * @param options.copyPath of a file that does not exist yet; left out where the chat must not be on the disk
 */
export async function takeSequence(
  loaded: LoadedModel,
  tokens: readonly Token[],
  options: Omit<Seeker, 'mayCopy'> & {
    copyPath?: string | undefined;
    emit: (event: CopyEvent) => void;
  },
): Promise<LlamaContextSequence> {
  const { copyPath, emit, ...seeker } = options;
  const { sequences } = loaded;
  while (sequences.isCopying) await sequences.copied();
  const mayCopy = copyPath !== undefined && hasRoom(loaded, copyPath);
  const choice = sequences.takeForBranch(tokens, { ...seeker, mayCopy });
  if (copyPath === undefined || !choice.source) return choice.sequence;
  return sequences.copy(choice, async (source, draftAt) => {
    await cutToSent(source, draftAt);
    const startMs = performance.now();
    try {
      const { fileSize } = await source.saveStateToFile(copyPath);
      const isRead = await readInto(choice.sequence, copyPath, source.contextTokens);
      // What is left in a sequence after a refused file is of no use.
      if (!isRead) await loaded.renew(choice.sequence);
      emit({ type: 'copied', bytes: fileSize, elapsedMs: performance.now() - startMs });
      return isRead;
    } finally {
      rmSync(copyPath, { force: true });
    }
  });
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
