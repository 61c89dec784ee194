import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as v from 'valibot';
import { AccessToken } from '../../src-main/contract/index.ts';
import { createSecretFile, type Cipher } from '../../src-main/electron/secret-file.ts';
import { createHubToken } from '../../src-main/privacy/hub-token.ts';
import { createMemorySecrets } from '../../src-main/privacy/memory-secrets.ts';

const NAME = 'huggingFaceToken';
const TOKEN = 'hf_canaryCanaryCanaryCanaryCanary12';

let dir = '';
let path = '';
let lines: string[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'leeward-secrets-'));
  path = join(dir, 'secrets.json');
  lines = [];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Turns the bits of the text over; `key` stands for what the system holds. */
function fakeCipher(key = 1, isAvailable = true) {
  const asked = { times: 0 };
  const cipher: Cipher = {
    async isAvailable() {
      asked.times += 1;
      return isAvailable;
    },
    encrypt: async (text) => Buffer.from([key, ...Buffer.from(text).map((byte) => byte ^ 0xff)]),
    async decrypt(bytes) {
      const usedKey = bytes[0] ?? 0;
      if (usedKey > key) throw new Error('wrong key');
      const text = Buffer.from(bytes.subarray(1).map((byte) => byte ^ 0xff)).toString();
      return { text, isOutdated: usedKey < key };
    },
  };
  return { cipher, asked };
}

const open = (cipher: Cipher, canKeep = true) =>
  createSecretFile({
    path,
    cipher,
    canKeep,
    log: (event, fields) => void lines.push(`${event} ${JSON.stringify(fields ?? {})}`),
  });

describe('createSecretFile', () => {
  it('keeps a secret between runs, encrypted, for this account only', async () => {
    const store = open(fakeCipher().cipher);
    expect(await store.get(NAME)).toBeNull();
    expect(await store.sourceOf(NAME)).toBeNull();
    await store.set(NAME, TOKEN);
    expect(await store.get(NAME)).toBe(TOKEN);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).not.toContain(TOKEN);
    expect(readdirSync(dir)).toEqual(['secrets.json']);

    const again = open(fakeCipher().cipher);
    expect(await again.sourceOf(NAME)).toBe('kept');
    expect(await again.get(NAME)).toBe(TOKEN);
    await again.delete(NAME);
    expect(await again.get(NAME)).toBeNull();
    expect(readdirSync(dir)).toEqual([]);
    expect(lines).toEqual([]);
  });

  it('does not ask the system before there is something to ask for', async () => {
    const { cipher, asked } = fakeCipher();
    const store = open(cipher);
    await Promise.all([store.get(NAME), store.sourceOf(NAME)]);
    expect(store.canKeep).toBe(true);
    expect(asked.times).toBe(0);
  });

  it('keeps names that it does not know, and changes at the same time do not lose each other', async () => {
    const other = { later: Buffer.from('x').toString('base64') };
    writeFileSync(path, JSON.stringify({ version: 1, secrets: other }));
    const store = open(fakeCipher().cipher);
    await Promise.all([store.set(NAME, 'first'), store.set(NAME, TOKEN)]);
    expect(await store.get(NAME)).toBe(TOKEN);
    await store.delete(NAME);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ version: 1, secrets: other });
  });

  it.each([
    ['not JSON', '{'],
    ['another shape', '{"version":1,"secrets":"none"}'],
    ['not base64', `{"version":1,"secrets":{"${NAME}":"?"}}`],
    ['a newer version', '{"version":2,"secrets":{}}'],
    ['nothing', ''],
  ])('a file that is %s counts as empty and is written anew', async (_what, content) => {
    writeFileSync(path, content);
    const store = open(fakeCipher().cipher);
    expect(await store.get(NAME)).toBeNull();
    expect(lines).toEqual(['secrets.damaged {}']);
    await store.set(NAME, TOKEN);
    expect(await open(fakeCipher().cipher).get(NAME)).toBe(TOKEN);
  });

  it('a value of another key is gone, with a line in the log', async () => {
    await open(fakeCipher(2).cipher).set(NAME, TOKEN);
    const store = open(fakeCipher(1).cipher);
    expect(await store.get(NAME)).toBeNull();
    expect(await store.sourceOf(NAME)).toBeNull();
    expect(lines).toEqual(['secrets.undecryptable {}']);
    await store.set(NAME, 'hf_new');
    expect(await open(fakeCipher(1).cipher).get(NAME)).toBe('hf_new');
  });

  it('a value of an older key is encrypted again', async () => {
    await open(fakeCipher(1).cipher).set(NAME, TOKEN);
    const before = readFileSync(path, 'utf8');
    expect(await open(fakeCipher(2).cipher).get(NAME)).toBe(TOKEN);
    expect(readFileSync(path, 'utf8')).not.toBe(before);
    expect(await open(fakeCipher(2).cipher).get(NAME)).toBe(TOKEN);
  });

  it.each([
    ['the system has no key', fakeCipher(1, false).cipher, true],
    ['its encryption has no key of its own', fakeCipher().cipher, false],
    [
      'it fails to encrypt',
      {
        ...fakeCipher().cipher,
        encrypt: async () => {
          throw new Error('no');
        },
      },
      true,
    ],
  ])('stays in memory where %s, and takes an older one off the disk', async (_why, cipher, canKeep) => {
    await open(fakeCipher().cipher).set(NAME, 'hf_older');
    const store = open(cipher, canKeep);
    await store.set(NAME, TOKEN);
    expect(await store.get(NAME)).toBe(TOKEN);
    expect(await store.sourceOf(NAME)).toBe('memory');
    expect(readdirSync(dir)).toEqual([]);
    expect(await open(fakeCipher().cipher).get(NAME)).toBeNull();
    expect(lines.join('\n')).not.toContain(TOKEN);
  });

  it('says in time that it cannot keep', async () => {
    const store = open(fakeCipher(1, false).cipher);
    await store.set(NAME, TOKEN);
    expect(store.canKeep).toBe(false);
    expect(lines).toEqual(['secrets.unavailable {}']);
  });

  it('leaves the one before as it is when the new one cannot be written', async () => {
    const { cipher } = fakeCipher();
    const store = open(cipher);
    await store.set(NAME, TOKEN);
    rmSync(dir, { recursive: true });
    await expect(store.set(NAME, 'hf_new')).rejects.toThrow();
    expect(await store.get(NAME)).toBe(TOKEN);
  });
});

describe('createMemorySecrets', () => {
  it('takes what is set before what was given at start', async () => {
    const store = createMemorySecrets({ huggingFaceToken: 'hf_given' });
    const hub = createHubToken(store);
    expect(store.canKeep).toBe(false);
    expect(await hub.state()).toEqual({ set: true, source: 'environment' });
    expect(await hub.set(TOKEN)).toEqual({ set: true, source: 'memory' });
    expect(await store.get(NAME)).toBe(TOKEN);
    expect(await hub.remove()).toEqual({ set: true, source: 'environment' });
    expect(await store.get(NAME)).toBe('hf_given');
    expect(await createHubToken(createMemorySecrets()).state()).toEqual({ set: false, source: null });
  });
});

describe('AccessToken', () => {
  it.each([
    ['hf_abc', 'hf_abc'],
    ['  hf_abc\n', 'hf_abc'],
    ['x'.repeat(512), 'x'.repeat(512)],
  ])('takes %j', (given, taken) => expect(v.parse(AccessToken, given)).toBe(taken));

  it.each([[''], ['  '], ['hf_a b'], ['hf_a\nb'], ['hf_é'], ['hf_\u0000'], ['x'.repeat(513)]])(
    'refuses %j',
    (given) => expect(v.is(AccessToken, given)).toBe(false),
  );
});
