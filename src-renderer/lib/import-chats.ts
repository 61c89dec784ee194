import { Unzip, UnzipInflate } from 'fflate';
import { MAX_IMPORT_PIECE, type AppClient, type ImportReport } from '../../src-main/contract/index.ts';

/**
 * Files that hold chats among others: of data exports (large ones have several), of LM Studio, of Jan. What was
 * chosen by hand is read whatever its name.
 */
const CHATS =
  /(?:^|\/)(?:conversations(?:-\d+)?\.json|[^/]+\.conversation\.json|thread\.json|messages\.jsonl)$/iu;

/** Why files are no import that even begins; the core says the other reasons. */
export class NoChatsFound extends Error {
  readonly where: 'zip' | 'folder';

  constructor(where: 'zip' | 'folder') {
    super(`no chats in this ${where}`);
    this.where = where;
  }
}
/** A zip file that ends too early, or holds what cannot be unpacked. */
export class BrokenZip extends Error {}

export interface ImportOptions {
  signal: AbortSignal;
  /** @param share 0 to 1 of the bytes */
  onProgress(share: number): void;
}

/** What importing asks of the core. */
export interface ImportClient {
  transfer: Pick<
    AppClient['transfer'],
    'beginImport' | 'nextImportFile' | 'appendImport' | 'finishImport' | 'cancelImport'
  >;
}

/** A text of a file, or the end of one; `readBytes` of the chosen file so far. */
type Piece = { name: string; text: string; readBytes: number };

async function* chunksOf(file: File): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const reader = file.stream().getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
  } finally {
    reader.releaseLock();
  }
}

/** With its folders below the chosen one, where a folder was chosen. */
const nameOf = (file: File): string =>
  'webkitRelativePath' in file && file.webkitRelativePath !== '' ? file.webkitRelativePath : file.name;

async function isZip(file: File): Promise<boolean> {
  const head = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  return head[0] === 0x50 && head[1] === 0x4b;
}

async function* piecesOf(file: File): AsyncGenerator<Piece> {
  const name = nameOf(file);
  const decoder = new TextDecoder();
  let readBytes = 0;
  for await (const chunk of chunksOf(file)) {
    readBytes += chunk.length;
    yield { name, text: decoder.decode(chunk, { stream: true }), readBytes };
  }
  yield { name, text: decoder.decode(), readBytes };
}

/** @throws NoChatsFound, BrokenZip */
async function* piecesOfZip(file: File): AsyncGenerator<Piece> {
  const waiting: { name: string; text: string }[] = [];
  let found = false;
  let open = 0;
  const unzip = new Unzip((entry) => {
    if (!CHATS.test(entry.name)) return;
    found = true;
    open += 1;
    const decoder = new TextDecoder();
    entry.ondata = (error, data, final) => {
      if (error) throw error;
      waiting.push({ name: entry.name, text: decoder.decode(data, { stream: !final }) });
      if (final) open -= 1;
    };
    entry.start();
  });
  unzip.register(UnzipInflate);
  let readBytes = 0;
  for await (const chunk of chunksOf(file)) {
    readBytes += chunk.length;
    try {
      unzip.push(chunk, readBytes === file.size);
    } catch (cause) {
      throw new BrokenZip('cannot be unpacked', { cause });
    }
    for (const part of waiting.splice(0)) yield { ...part, readBytes };
  }
  if (open > 0) throw new BrokenZip('ends too early');
  if (!found) throw new NoChatsFound('zip');
}

/** Those of a folder that hold chats, the files of one chat beside each other. */
function chatsOfFolder(files: readonly File[]): File[] {
  const chats = files.filter((file) => CHATS.test(nameOf(file)));
  if (chats.length === 0) throw new NoChatsFound('folder');
  return chats.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

/**
 * Takes the chats of files: data exports, zip files of them, or the files of other programs. They are read in
 * pieces, however large they are.
 * @param from `folder`: all that is in a folder; files that hold no chats are passed over
 * @throws import_unreadable, {@link NoChatsFound}, {@link BrokenZip}, the signal's reason when it is cancelled;
 * nothing is kept then
 */
export async function importChats(
  client: ImportClient,
  { files, from }: { files: readonly File[]; from: 'files' | 'folder' },
  { signal, onProgress }: ImportOptions,
): Promise<ImportReport> {
  const chosen = from === 'folder' ? chatsOfFolder(files) : files;
  const sizeBytes = chosen.reduce((sum, file) => sum + file.size, 0);
  const [only] = chosen;
  const several = chosen.length !== 1 || only === undefined || (await isZip(only));
  const { importId } = await client.transfer.beginImport({ sizeBytes, several });
  try {
    let before = 0;
    for (const file of chosen) {
      let name: string | null = null;
      const pieces = (await isZip(file)) ? piecesOfZip(file) : piecesOf(file);
      for await (const piece of pieces) {
        signal.throwIfAborted();
        if (piece.name !== name) await client.transfer.nextImportFile({ importId, fileName: piece.name });
        name = piece.name;
        for (let start = 0; start < piece.text.length; start += MAX_IMPORT_PIECE) {
          const text = piece.text.slice(start, start + MAX_IMPORT_PIECE);
          await client.transfer.appendImport({ importId, text });
        }
        onProgress(sizeBytes === 0 ? 1 : (before + piece.readBytes) / sizeBytes);
      }
      before += file.size;
    }
    return await client.transfer.finishImport({ importId });
  } catch (error) {
    await client.transfer.cancelImport({ importId }).catch(() => {});
    throw error;
  }
}
