import { isAppError, type AppError } from '../contract/index.ts';
import type { ServeOptions } from './arguments.ts';
import { FolderError } from './platform.ts';

/** 2: the options, 3: the data folder is held, 4: the chats cannot be opened, 1: anything else. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof FolderError || codeOf(error).startsWith('EADDR') || codeOf(error) === 'EACCES')
    return 2;
  if (!isAppError(error)) return 1;
  if (error.code === 'data_folder_in_use') return 3;
  return error.code === 'store_newer' || error.code === 'store_damaged' ? 4 : 1;
}

/** What the person at the terminal reads when the browser host does not start. */
export function sentenceOf(error: unknown, options: Pick<ServeOptions, 'host' | 'port' | 'dataDir'>): string {
  if (isAppError(error)) return appSentence(error, options.dataDir);
  const where = `${options.host} port ${options.port}`;
  if (codeOf(error) === 'EADDRINUSE')
    return `Something else listens on ${where} already. Leave out --port to take a free one.`;
  if (codeOf(error) === 'EADDRNOTAVAIL') return `This computer has no address ${options.host}.`;
  if (codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT') return fullSentence(options.dataDir);
  if (codeOf(error) === 'EACCES') return `The system does not allow it: ${textOf(error)}`;
  return `Leeward could not start: ${textOf(error)}`;
}

const fullSentence = (dataDir: string) =>
  `The disk is full, so Leeward could not start. Nothing that was saved in ${dataDir} is lost. Free at least 200 MB, then start it again.`;

function appSentence({ code, data, message }: AppError, dataDir: string): string {
  const { pid, address, reason } = data.details ?? {};
  if (code === 'data_folder_in_use') {
    const holder = pid ? `Another Leeward (process ${pid})` : 'Another process';
    const where = address ? ` It answers at ${address}; the whole address is in its terminal.` : '';
    return `${holder} holds the data folder ${dataDir}.${where}`;
  }
  if (code === 'disk_full') return fullSentence(dataDir);
  if (code === 'store_newer') {
    return `The chats in ${dataDir} were saved by a newer version of Leeward. Nothing was changed; start the newer version.`;
  }
  if (code === 'store_damaged') {
    return `The chats in ${dataDir} do not pass their check. Nothing was changed; the folder backups holds earlier copies.`;
  }
  if (reason === 'not_a_folder') return `${dataDir} is not a folder.`;
  if (reason === 'not_writable') return `The folder ${dataDir} cannot be written to.`;
  return message;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** The message of anything thrown. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
