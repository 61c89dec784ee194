import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AppClient, AppEvent, Download } from '../../../src-main/contract/index.ts';
import { Random } from '../gguf/random.ts';
import { plainScript, writeScriptedModel } from '../gguf/scripted-model.ts';

export const MIB = 1024 * 1024;
export const PIECE = 16 * MIB;

/** Bytes that no two pieces share, quickly made. */
export function noise(length: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  const random = new Random(seed);
  const block = Uint32Array.from({ length: 4_096 }, () => random.uint32());
  for (let at = 0; at < words.length; at += block.length) {
    words.set(block.subarray(0, Math.min(block.length, words.length - at)), at);
    words[at] = at;
  }
  return new Uint8Array(words.buffer, 0, length);
}

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** A model that answers, as long as asked for: what lies behind its tensors belongs to none of them. */
export async function modelBytes(length: number, seed = 1): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'leeward-model-'));
  try {
    const path = join(folder, 'model.gguf');
    await writeScriptedModel(path, { script: plainScript, name: `Padded ${seed}`, seed });
    const model = readFileSync(path);
    const bytes = noise(length, seed);
    bytes.set(model);
    return bytes;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Watched {
  client: AppClient;
  waitFor(matches: (event: AppEvent) => boolean): Promise<AppEvent>;
}

/** Resolves as soon as a download is as wanted, now or later. */
export async function until(
  { client, waitFor }: Watched,
  id: string,
  isWanted: (download: Download) => boolean,
): Promise<Download> {
  let found: Download | undefined;
  const look = (downloads: readonly Download[]) => {
    found ??= downloads.find((download) => download.id === id && isWanted(download));
    return found !== undefined;
  };
  const told = waitFor((event) => event.type === 'downloads.changed' && look(event.downloads));
  if (!look(await client.downloads.list())) await told;
  if (!found) throw new Error('unreachable');
  return found;
}

const ENDED = new Set<Download['state']>(['done', 'failed', 'paused']);

/** Resolves when a download is done, failed or paused. */
export const untilEnded = (watched: Watched, id: string) =>
  until(watched, id, ({ state }) => ENDED.has(state));
