import { saveText } from '../../lib/save-text.ts';
import type { AppState } from '../../state/app.svelte.ts';

/** Saves a file where the host asks for its place, else as the browser does. @throws disk_full, invalid_input */
export async function saveFile(app: AppState, file: { fileName: string; text: string }): Promise<void> {
  if (app.info.capabilities.canSaveFile) await app.client.system.saveText(file);
  else saveText(file.fileName, file.text);
}
