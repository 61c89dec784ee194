import type { RemovedModel, StoreClient } from '../store/api.ts';

/** Tells whether a file is as it was. */
export interface FileMark {
  readonly sizeBytes: number;
  /** Time of its last change, ms since 1970. */
  readonly changedMs: number;
}

/** What the user took off the list in this run: the same file, added again, is as it was. */
export interface TakenOff {
  /** @param mark of its file; null for one that is missing */
  keep(removed: RemovedModel, mark: FileMark | null): void;
  /**
   * Puts back what lay at the path of a file that is about to be added, if it is still that file; else nothing.
   * @returns ids of the chats that had chosen it
   */
  putBack(path: string, mark: FileMark): Promise<readonly string[]>;
  /** The database is another one. */
  forget(): void;
}

export function createTakenOff(store: Pick<StoreClient['models'], 'putBack'>): TakenOff {
  const byPath = new Map<string, { removed: RemovedModel; mark: FileMark | null }>();

  /** What goes with two that were both taken off comes with the second. */
  const handOn = ({ model: { id }, attached, drafts }: RemovedModel) => {
    for (const { removed: other } of byPath.values()) {
      const isWith = (a: string, b: string) => (a === id ? b : a) === other.model.id;
      other.attached.push(...attached.filter(({ modelId, adapterId }) => isWith(modelId, adapterId)));
      other.drafts.push(...drafts.filter(({ modelId, draftId }) => isWith(modelId, draftId)));
    }
  };

  return {
    keep: (removed, mark) => void byPath.set(removed.model.path, { removed, mark }),
    async putBack(path, mark) {
      const taken = byPath.get(path);
      if (taken?.mark?.sizeBytes !== mark.sizeBytes || taken.mark.changedMs !== mark.changedMs) return [];
      await store.putBack(taken.removed);
      byPath.delete(path);
      handOn(taken.removed);
      return taken.removed.conversationIds;
    },
    forget: () => byPath.clear(),
  };
}
