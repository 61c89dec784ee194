import { writeFile } from 'node:fs/promises';
import { BrowserWindow, dialog, shell } from 'electron';
import { isAppError } from '../contract/index.ts';
import { FolderError } from '../server/platform.ts';
import { externalAddress } from './rules.ts';
import { desktopTexts } from './texts.ts';

const texts = desktopTexts;
const OPEN = 0;
const CANCEL = 1;

/** The system's dialog for GGUF files. Resolves with real paths, none when it was cancelled. */
export async function pickModelFiles(): Promise<string[]> {
  const options: Electron.OpenDialogOptions = {
    title: texts.pickModel.title,
    buttonLabel: texts.pickModel.button,
    filters: [{ name: texts.pickModel.filter, extensions: ['gguf'] }],
    properties: ['openFile', 'multiSelections', 'dontAddToRecent'],
  };
  const [window] = BrowserWindow.getAllWindows();
  const { canceled, filePaths } = window
    ? await dialog.showOpenDialog(window, options)
    : await dialog.showOpenDialog(options);
  return canceled ? [] : filePaths;
}

/** Asks where to save a text and writes it there. False when it was cancelled. */
export async function saveText(fileName: string, text: string): Promise<boolean> {
  const options: Electron.SaveDialogOptions = {
    defaultPath: fileName,
    filters: [{ name: texts.saveText.filter, extensions: ['txt'] }],
    properties: ['createDirectory', 'showOverwriteConfirmation', 'dontAddToRecent'],
  };
  const [window] = BrowserWindow.getAllWindows();
  const { canceled, filePath } = window
    ? await dialog.showSaveDialog(window, options)
    : await dialog.showSaveDialog(options);
  if (canceled) return false;
  await writeFile(filePath, text);
  return true;
}

/** The system's dialog for a folder. Null when it was cancelled. */
export async function pickModelFolder(): Promise<string | null> {
  const { title, button } = texts.pickFolder;
  const options: Electron.OpenDialogOptions = {
    title,
    buttonLabel: button,
    properties: ['openDirectory', 'dontAddToRecent'],
  };
  const [window] = BrowserWindow.getAllWindows();
  const { canceled, filePaths } = window
    ? await dialog.showOpenDialog(window, options)
    : await dialog.showOpenDialog(options);
  return canceled ? null : (filePaths[0] ?? null);
}

/** Shows the whole address and opens it in the system's browser once the person agrees. */
export async function openExternal(raw: string): Promise<boolean> {
  const address = externalAddress(raw);
  const [window] = BrowserWindow.getAllWindows();
  if (address === null || !window) return false;
  const { response } = await dialog.showMessageBox(window, {
    type: 'question',
    message: texts.external.message,
    detail: address,
    buttons: [texts.external.open, texts.external.cancel],
    // The safe answer is the one that a stray Enter gives.
    defaultId: CANCEL,
    cancelId: CANCEL,
    noLink: true,
  });
  if (response !== OPEN) return false;
  // Fails where the system has no browser to open it with.
  return shell.openExternal(address).then(
    () => true,
    () => false,
  );
}

/** Asks whether the window may close although its page holds text that is saved nowhere. Waits for the answer. */
export function mayLeave(window: BrowserWindow): boolean {
  const { message, detail, stay, leave } = texts.leave;
  const box = { type: 'warning', message, detail, noLink: true, defaultId: 0, cancelId: 0 } as const;
  return dialog.showMessageBoxSync(window, { ...box, buttons: [stay, leave] }) === 1;
}

/** What a person reads when the app cannot start. Works before the app is ready. */
export function showStartFailure(error: unknown, dataDir: string): void {
  dialog.showErrorBox(texts.failure.title, startFailureText(error, dataDir));
}

/** What making or opening a folder fails with. */
const FOLDER_CODES = new Set(['EACCES', 'EEXIST', 'ENOTDIR', 'EPERM', 'EROFS']);
const FULL_CODES = new Set(['ENOSPC', 'EDQUOT']);

function startFailureText(error: unknown, dataDir: string): string {
  if (error instanceof FolderError) return error.message;
  const code = isAppError(error) ? error.code : null;
  const systemCode = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'disk_full' || FULL_CODES.has(systemCode)) return texts.failure.diskFull;
  if (code === 'data_folder_in_use') return texts.failure.inUse(dataDir);
  if (code === 'store_newer') return texts.failure.newer(dataDir);
  if (code === 'store_damaged') return texts.failure.damaged(dataDir);
  const isFolder = code === 'store_failed' || FOLDER_CODES.has(systemCode);
  return isFolder ? texts.failure.folder(dataDir) : texts.failure.other;
}

/**
 * What a person reads when the page's process ended again and again. Resolves when it was read; answers run on and
 * are written meanwhile.
 */
export async function showWindowFailure(): Promise<void> {
  const { title, text } = texts.windowFailure;
  await dialog.showMessageBox({ type: 'error', message: title, detail: text });
}

/** Tells that the settings could not be read and where the file is now. */
export function showSettingsBroken(keptAs: string): void {
  void dialog.showMessageBox({
    type: 'warning',
    message: texts.settingsBroken.title,
    detail: texts.settingsBroken.text(keptAs),
  });
}
