import { SvelteSet } from 'svelte/reactivity';
import type { NewChatSettings } from './chat-settings.svelte.ts';

/** Sections of the inspector, in their order. */
export type InspectorSection = 'systemPrompt' | 'sampling' | 'reasoning' | 'context' | 'live';

/** The panel beside the chat: what lives longer than its components. */
export class InspectorState {
  /** The sheet of a narrow window; a wide one remembers in the settings. */
  sheetOpen = $state(false);
  libraryOpen = $state(false);
  readonly collapsed = new SvelteSet<InspectorSection>();
  /** A section that is to be shown and have the focus. */
  wanted = $state.raw<InspectorSection | null>(null);
  /** Settings of the chat that is still to be begun. */
  newChat = $state.raw<NewChatSettings>({});
  /** Chats in which the user agreed once for all that old messages are left out, until this window closes. */
  readonly leavesOut = new SvelteSet<string>();
}
