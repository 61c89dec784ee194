import { open, type FileHandle } from 'node:fs/promises';

/** Bytes at an offset: a local file now, ranges of a remote one later. */
export interface ByteSource {
  readonly sizeBytes: number;
  /** Exactly `length` bytes; the caller keeps `offset + length` within `sizeBytes`. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** A local file that is open for reading until `close`. */
export interface FileSource extends ByteSource {
  close(): Promise<void>;
}

/**
 * Opens a regular file.
 * @throws the system's error when it cannot be opened or is no regular file
 */
export async function openFileSource(path: string): Promise<FileSource> {
  const handle = await open(path, 'r');
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw Object.assign(new Error('not a regular file'), { code: 'EISDIR' });
    return {
      sizeBytes: stats.size,
      read: (offset, length) => readExactly(handle, offset, length),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readExactly(
  handle: FileHandle,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
    // The file became shorter since it was opened.
    if (bytesRead === 0) throw Object.assign(new Error('unexpected end of file'), { code: 'EOF' });
    done += bytesRead;
  }
  return bytes;
}
