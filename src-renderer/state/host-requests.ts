import type { AppEvent, HostCommand } from '../../src-main/contract/index.ts';
import type { AppState } from './app.svelte.ts';

/** Carries out what the host asks for: a native menu, files that the system opens with the app. */
export function handleHostRequest(app: AppState, event: AppEvent): void {
  if (event.type === 'host.command') run(app, event.command);
  if (event.type === 'models.opened' || event.type === 'gap') app.attempt(openFiles(app));
  if (event.type === 'conversation.requested' || event.type === 'gap') app.attempt(openRequested(app));
}

function run(app: AppState, command: HostCommand): void {
  switch (command) {
    case 'newChat':
      app.newChat();
      break;
    case 'chat':
    case 'models':
    case 'performance':
      app.navigation.goScreen(command);
      break;
    case 'settings':
      app.navigation.openSettings();
      break;
    case 'shortcuts':
      app.navigation.openSettings('shortcuts');
      break;
    case 'openModel':
      app.attempt(app.models.pickFiles().then((files) => show(app, files)));
  }
}

/** Puts the files that the system opened into the library and shows the last one. */
export async function openFiles(app: AppState): Promise<void> {
  await show(app, await app.client.models.takeOpened());
}

/** Shows the chat that a notice of the system or its tray named. */
export async function openRequested(app: AppState): Promise<void> {
  const { conversationId } = await app.client.conversations.takeRequested();
  if (conversationId === null) return;
  app.sidebarSheetOpen = false;
  app.navigation.openChat(conversationId);
}

async function show(
  app: AppState,
  files: Awaited<ReturnType<AppState['models']['pickFiles']>>,
): Promise<void> {
  let modelId: string | null = null;
  for (const file of files) modelId = file.modelId ?? (await app.models.add(file.fileId)).id;
  if (modelId === null) return;
  const isAdapter = app.models.adapterById(modelId) !== undefined;
  // Whoever opens a file has chosen a model: there is nothing left for the first run to ask.
  if (!app.settings.value.firstRunDone) await app.settings.update({ firstRunDone: true });
  if (isAdapter) app.navigation.openAdapters();
  else app.navigation.go({ screen: 'models', modelId });
}
