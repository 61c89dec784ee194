import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  checkWhole,
  isAsIt,
  readRecord,
  readTokens,
  seal,
  type StateRecord,
} from '../../src-main/state-cache/state-file.ts';
import { Random } from '../support/gguf/random.ts';
import { brokenState, forgedState, type WholeState } from '../support/state-mutations.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'leeward-states-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TOKENS = Array.from({ length: 300 }, (_, index) => index * 97);

/** A file as the library would have written it, of random bytes, and sealed. */
async function sealed(bytes: number, key = 'key'): Promise<{ path: string; record: StateRecord }> {
  const random = new Random(bytes);
  const path = join(folder, randomUUID());
  writeFileSync(path, Buffer.from(Uint32Array.from({ length: bytes / 4 }, () => random.uint32()).buffer));
  const id = randomUUID();
  return {
    path,
    record: await seal(path, { id, conversationId: 'chat', key, readingMs: 2_500, tokens: TOKENS }),
  };
}

describe('a saved state', () => {
  it.each([0, 4, 40_000, 9_000_000])('of %i bytes is found whole, with its tokens', async (bytes) => {
    const { path, record } = await sealed(bytes);
    expect(await readRecord(path)).toEqual(record);
    expect(record).toMatchObject({ dataBytes: bytes, tokenCount: TOKENS.length });
    expect([...((await readTokens(path, record)) ?? [])]).toEqual(TOKENS);
    const mark = await checkWhole(path, record);
    expect(mark?.sizeBytes).toBe(statSync(path).size);
    expect(mark && (await isAsIt(path, mark))).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('begins with the bytes of the library, unchanged', async () => {
    const { path, record } = await sealed(40_000);
    const random = new Random(40_000);
    const data = Buffer.from(Uint32Array.from({ length: 10_000 }, () => random.uint32()).buffer);
    expect(readFileSync(path).subarray(0, record.dataBytes).equals(data)).toBe(true);
  });

  it('is known to have changed without being read again', async () => {
    const { path, record } = await sealed(400);
    const mark = await checkWhole(path, record);
    writeFileSync(path, readFileSync(path));
    expect(mark && (await isAsIt(path, mark))).toBe(false);
  });

  it('is nothing when the file is gone', async () => {
    const { path, record } = await sealed(400);
    rmSync(path);
    expect(await readRecord(path)).toBeNull();
    expect(await readTokens(path, record)).toBeNull();
    expect(await checkWhole(path, record)).toBeNull();
  });
});

describe('a broken state', () => {
  async function wholeState(): Promise<WholeState> {
    const [mine, other] = [await sealed(20_000), await sealed(20_000, 'another key')];
    return { bytes: readFileSync(mine.path), record: mine.record, other: readFileSync(other.path) };
  }

  it('is never found whole, in 200 ways', async () => {
    const state = await wholeState();
    const random = new Random(11);
    const kinds = new Set<string>();
    for (let index = 0; index < 200; index += 1) {
      const { kind, bytes } = brokenState(state, random);
      kinds.add(kind);
      const path = join(folder, `broken-${index}`);
      writeFileSync(path, bytes);
      expect(await checkWhole(path, state.record), kind).toBeNull();
    }
    expect(kinds.size).toBeGreaterThan(12);
  });

  it('is beyond the checksum only where the data was wrong before it was sealed', async () => {
    const state = await wholeState();
    const path = join(folder, 'forged');
    writeFileSync(path, forgedState(state, new Random(5)).bytes);
    const record = await readRecord(path);
    expect(record?.id).toBe(state.record.id);
    expect(record && (await checkWhole(path, record))).not.toBeNull();
  });
});
