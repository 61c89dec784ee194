import { implement } from '@orpc/server';
import { contract, SearchFilters, type ChatChange } from '../contract/index.ts';
import * as v from 'valibot';
import type { Search } from '../store/open-search.ts';
import type { History } from './history.ts';

const os = implement(contract);
type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };
/** Without keys that hold undefined: an absent key means unchanged. */
const defined = <T extends object>(patch: T) =>
  Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined)) as Defined<T>;

/** Handlers of lists, folders, tags, trash and search. */
export function historyRoutes(history: History, search: Search) {
  const change = (input: { [K in keyof ChatChange]?: ChatChange[K] | undefined }): ChatChange =>
    defined(input);
  return {
    history: {
      list: os.history.list.handler(({ input }) => history.list(input)),
      summaries: os.history.summaries.handler(({ input }) => history.summaries(input.ids)),
      update: os.history.update.handler(({ input }) => history.update(input.ids, change(input.change))),
      undo: os.history.undo.handler(({ input }) => history.undo(input.undo)),
      deleteForever: os.history.deleteForever.handler(({ input }) => history.deleteForever(input.ids)),
      emptyTrash: os.history.emptyTrash.handler(() => history.emptyTrash()),
      erase: os.history.erase.handler(({ input }) => history.erase(input.ids)),
      inBackups: os.history.inBackups.handler(({ input }) => history.inBackups(input.ids)),
      keep: os.history.keep.handler(({ input }) => history.keep(input.id)),
      discard: os.history.discard.handler(({ input }) => history.discard(input.id)),
    },
    folders: {
      list: os.folders.list.handler(() => history.folders.list()),
      create: os.folders.create.handler(({ input }) => history.folders.create(input)),
      update: os.folders.update.handler(({ input }) => history.folders.update(input)),
      remove: os.folders.remove.handler(({ input }) => history.folders.remove(input.id, input.chats)),
    },
    tags: {
      list: os.tags.list.handler(() => history.tags.list()),
      create: os.tags.create.handler(({ input }) => history.tags.create(input.name)),
      rename: os.tags.rename.handler(({ input }) => history.tags.rename(input.id, input.name)),
      remove: os.tags.remove.handler(({ input }) => history.tags.remove(input.id)),
    },
    search: {
      query: os.search.query.handler(({ input, signal }) =>
        search.query({ ...input, filters: v.parse(SearchFilters, input.filters) }, signal),
      ),
    },
  };
}
