import { toasts } from '../../components/toasts.svelte.ts';
import type { Adapter } from '../../../src-main/contract/index.ts';
import type { AppState } from '../../state/app.svelte.ts';
import { adaptersTexts as texts } from '../../texts/adapters.ts';

/** Takes an adapter off the list, with a way back to the list and to the models that it was attached to. */
export async function removeAdapter(app: AppState, adapter: Pick<Adapter, 'id' | 'name'>): Promise<void> {
  const { models } = app;
  // The way back needs the file's id, which only the list of files has.
  await models.refreshFiles();
  const file = models.files.find(({ modelId }) => modelId === adapter.id);
  await models.remove(adapter.id);
  if (file === undefined) return;
  toasts.show({
    text: texts.removed(adapter.name),
    actionLabel: texts.undo,
    // The file alone is named: the app knows what it was attached to.
    onaction: () => app.attempt(models.add(file.fileId)),
  });
}
