import Pin from '@lucide/svelte/icons/pin';
import PinOff from '@lucide/svelte/icons/pin-off';
import type { Message } from '../../../../src-main/contract/index.ts';
import type { MenuAction } from '../../../components/menu.ts';
import type { AppState } from '../../../state/app.svelte.ts';
import { inspectorTexts } from '../../../texts/inspector.ts';

/** The menu item that keeps a message in the context, or lets it go. */
export function pinItem({ id, pinned }: Message, app: AppState): MenuAction {
  const texts = inspectorTexts.turn;
  return {
    label: pinned ? texts.unpin : texts.pin,
    icon: pinned ? PinOff : Pin,
    onselect: () => app.attempt(app.client.context.pin({ messageId: id, pinned: !pinned })),
  };
}
