import type { ChatChange, Done } from '../../../src-main/contract/index.ts';
import { toasts } from '../../components/toasts.svelte.ts';
import { formatCount } from '../../lib/format.ts';
import type { AppState } from '../../state/app.svelte.ts';
import { historyTexts } from '../../texts/history.ts';

const texts = historyTexts.done;

/** How a step names what it was done to: the title of one chat, the number of several. */
function nameOf(app: AppState, ids: readonly string[]): string {
  const [id] = ids;
  const known = [app.conversations.list, app.history.archive.items, app.history.trash.items];
  const one = ids.length === 1 && known.flatMap((list) => list.find((chat) => chat.id === id) ?? [])[0];
  return one ? texts.one(one.title) : texts.several(ids.length, formatCount(ids.length));
}

/**
 * Offers the way back for {@link toasts}' time; says nothing when nothing was changed.
 * @param after is told whether the person is still where they went back
 */
export function offerUndo(
  app: AppState,
  text: string,
  done: Done,
  after?: (isStillThere: boolean) => void,
): void {
  const { undo } = done;
  if (undo === null) return;
  toasts.show({
    text,
    actionLabel: texts.undo,
    onaction: () => {
      const pressedAt = app.navigation.route;
      return app.attempt(app.history.undo(undo).then(() => after?.(app.navigation.route === pressedAt)));
    },
  });
}

async function change(
  app: AppState,
  ids: readonly string[],
  what: ChatChange,
  text: (name: string) => string,
  after?: (isStillThere: boolean) => void,
): Promise<void> {
  if (ids.length === 0) return;
  const name = nameOf(app, ids);
  const done = await app.history.update(ids, what);
  await app.conversations.refetch(ids);
  if (app.historyScreen.selection.active) app.historyScreen.selection.end();
  offerUndo(app, text(name), done, (isStillThere) => {
    void app.conversations.refetch(ids);
    after?.(isStillThere);
  });
}

/** Every step with chats, one or many; each can be taken back for a while. */
export const chatActions = {
  move(app: AppState, ids: readonly string[], folderId: string | null): Promise<void> {
    const folder = app.history.folder(folderId);
    return change(app, ids, { folderId }, (name) =>
      folder === undefined ? texts.movedOut(name) : texts.moved(name, folder.name),
    );
  },

  pin(app: AppState, ids: readonly string[], pinned: boolean): Promise<void> {
    return change(app, ids, { pinned }, pinned ? texts.pinned : texts.unpinned);
  },

  archive(app: AppState, ids: readonly string[], archived: boolean): Promise<void> {
    return change(app, ids, { archived }, archived ? texts.archived : texts.unarchived);
  },

  /** To the trash; the chat on screen comes back to the screen when it is taken back, unless the person has left. */
  async trash(app: AppState, ids: readonly string[]): Promise<void> {
    const shown = app.navigation.conversationId;
    const wasShown = shown !== null && ids.includes(shown);
    const temporary = ids.filter((id) => app.conversations.byId(id)?.temporary === true);
    // They are in no trash: there is a question instead of a way back.
    if (temporary.length > 0) app.historyScreen.dialog = { kind: 'discard', ids: temporary };
    const ordinary = ids.filter((id) => !temporary.includes(id));
    await change(app, ordinary, { trashed: true }, texts.trashed, (isStillThere) => {
      if (wasShown && isStillThere) app.navigation.openChat(shown, { replace: true });
    });
  },

  restore(app: AppState, ids: readonly string[]): Promise<void> {
    return change(app, ids, { trashed: false }, texts.restored);
  },

  tag(app: AppState, ids: readonly string[], addTags: string[], removeTags: string[]): Promise<void> {
    if (addTags.length === 0 && removeTags.length === 0) return Promise.resolve();
    return change(app, ids, { addTags, removeTags }, texts.tagged);
  },
};
