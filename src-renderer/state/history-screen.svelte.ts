import type { ChatPlace } from '../../src-main/contract/index.ts';
import { Selection } from './selection.svelte.ts';

/** The question that is asked, and about what. */
export type HistoryDialog =
  | { kind: 'move'; ids: readonly string[] }
  | { kind: 'tags'; ids: readonly string[] }
  | { kind: 'export'; ids: readonly string[] }
  /** Temporary chats. */
  | { kind: 'discard'; ids: readonly string[] }
  /** null: the whole trash. */
  | { kind: 'delete'; ids: readonly string[] | null }
  /** With chats: they go into it. */
  | { kind: 'newFolder'; parentId: string | null; ids?: readonly string[] }
  | { kind: 'moveFolder'; folderId: string }
  | { kind: 'deleteFolder'; folderId: string }
  | { kind: 'folderDefaults'; folderId: string };

/** What the sidebar shows and what is asked about it. */
export class HistoryScreen {
  place = $state<ChatPlace>('chats');
  /** Only chats of this folder are listed; null: all. */
  folderId = $state<string | null>(null);
  dialog = $state.raw<HistoryDialog | null>(null);
  /** Chats that are being dragged. */
  dragged = $state.raw<readonly string[]>([]);
  /** The field for searching all chats is to have the focus, as soon as it stands. */
  searchWanted = $state(false);
  /** The list of chats is to be shown, should it be hidden. */
  sidebarWanted = $state(false);
  /** A message that a search found and that is to be shown. */
  target = $state.raw<{ conversationId: string; messageId: string } | null>(null);
  readonly selection = new Selection();

  /** Shows another list; what was ticked belonged to the one before. */
  show(place: ChatPlace): void {
    this.selection.end();
    this.place = place;
    this.sidebarWanted = true;
  }
}
