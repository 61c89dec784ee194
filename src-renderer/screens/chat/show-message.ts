import type { AppState } from '../../state/app.svelte.ts';

/**
 * Opens a chat at a message that a search found: on its branch, in sight and marked.
 * @param messageId null: the chat as it was left
 */
export function showMessage(app: AppState, conversationId: string, messageId: string | null): void {
  app.navigation.openChat(conversationId);
  app.historyScreen.target = messageId === null ? null : { conversationId, messageId };
}
