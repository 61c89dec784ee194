import { randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as v from 'valibot';
import { AccessToken } from '../../src-main/contract/index.ts';
import { createSecretFile, type Cipher } from '../../src-main/electron/secret-file.ts';
import { takeGivenSecrets } from '../../src-main/privacy/given-secrets.ts';
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

const open = (cipher: Cipher, canKeep = true, environment = {}) =>
  createSecretFile({
    path,
    cipher,
    canKeep,
    environment,
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
    ['nothing', ''],
  ])('a file that is %s is named unreadable, can be removed, and is written anew', async (_what, content) => {
    writeFileSync(path, content);
    const store = open(fakeCipher().cipher);
    expect(await store.get(NAME)).toBeNull();
    expect(await createHubToken(store).state()).toEqual({ set: false, source: 'unreadable' });
    expect(lines).toEqual(['secrets.damaged {}']);
    await store.delete(NAME);
    expect(readdirSync(dir)).toEqual([]);
    writeFileSync(path, content);
    await store.set(NAME, TOKEN);
    expect(await open(fakeCipher().cipher).get(NAME)).toBe(TOKEN);
  });

  it('a value of another key is named unreadable, with one line in the log, and can be removed', async () => {
    await open(fakeCipher(2).cipher).set(NAME, TOKEN);
    const store = open(fakeCipher(1).cipher);
    expect(await store.get(NAME)).toBeNull();
    expect(await store.sourceOf(NAME)).toBe('unreadable');
    expect(lines).toEqual(['secrets.undecryptable {}']);
    expect(await createHubToken(store).remove()).toEqual({ set: false, source: null });
    expect(readdirSync(dir)).toEqual([]);
    await store.set(NAME, 'hf_new');
    expect(await open(fakeCipher(1).cipher).get(NAME)).toBe('hf_new');
  });

  it('the file of a newer version is kept aside, and never changed', async () => {
    const newer = '{"version":2,"secrets":{"later":"eA=="}}';
    writeFileSync(path, newer);
    const store = open(fakeCipher().cipher);
    expect(await store.sourceOf(NAME)).toBeNull();
    expect(lines).toEqual(['secrets.newer {}']);
    await store.delete(NAME);
    expect(readFileSync(path, 'utf8')).toBe(newer);
    await store.set(NAME, TOKEN);
    expect(await open(fakeCipher().cipher).get(NAME)).toBe(TOKEN);
    const aside = readdirSync(dir).filter((name) => /^secrets\.newer-\d+\.json$/.test(name));
    expect(aside.map((name) => readFileSync(join(dir, name), 'utf8'))).toEqual([newer]);
  });

  it('a file that cannot be read for a while is neither given up nor written over', async () => {
    await open(fakeCipher().cipher).set(NAME, TOKEN);
    const content = readFileSync(path);
    rmSync(path);
    // Reading a folder fails, for root too.
    mkdirSync(path);
    const store = open(fakeCipher().cipher);
    expect(await store.sourceOf(NAME)).toBe('unreadable');
    expect(lines).toEqual(['secrets.unreadable {}']);
    await expect(store.set(NAME, 'hf_new')).rejects.toThrow();
    await expect(store.delete(NAME)).rejects.toThrow();
    expect(existsSync(path)).toBe(true);
    rmSync(path, { recursive: true });
    writeFileSync(path, content);
    expect(await store.get(NAME)).toBe(TOKEN);
  });

  it('a key store that did not answer is asked again', async () => {
    await open(fakeCipher().cipher).set(NAME, TOKEN);
    let isOpen = false;
    const store = open({ ...fakeCipher().cipher, isAvailable: async () => isOpen });
    expect(await store.sourceOf(NAME)).toBe('unreadable');
    expect(store.canKeep).toBe(false);
    isOpen = true;
    expect(await store.get(NAME)).toBe(TOKEN);
    expect(store.canKeep).toBe(true);
  });

  it('takes what was given at start where nothing is set', async () => {
    const store = open(fakeCipher().cipher, true, { [NAME]: 'hf_given' });
    expect(await store.sourceOf(NAME)).toBe('environment');
    expect(await store.get(NAME)).toBe('hf_given');
    await store.set(NAME, TOKEN);
    expect(await store.get(NAME)).toBe(TOKEN);
    await store.delete(NAME);
    expect(await store.get(NAME)).toBe('hf_given');
  });

  it('removes drafts that a kill has left, and nothing else', async () => {
    writeFileSync(`${path}.${randomUUID()}`, 'half');
    writeFileSync(`${path}.copy`, 'of the person');
    await open(fakeCipher().cipher).get(NAME);
    expect(readdirSync(dir)).toEqual(['secrets.json.copy']);
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
  ])('stays in memory where %s, and leaves the older one on the disk', async (_why, cipher, canKeep) => {
    await open(fakeCipher().cipher).set(NAME, 'hf_older');
    const store = open(cipher, canKeep);
    await store.set(NAME, TOKEN);
    expect(await store.get(NAME)).toBe(TOKEN);
    expect(await store.sourceOf(NAME)).toBe('memory');
    expect(await open(fakeCipher().cipher).get(NAME)).toBe('hf_older');
    await store.delete(NAME);
    expect(readdirSync(dir)).toEqual([]);
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

describe('takeGivenSecrets', () => {
  it('takes a token out of the environment, and tells of one that is none', () => {
    const said: string[] = [];
    const take = (token?: string) => {
      const env = { OTHER: 'x', ...(token === undefined ? {} : { LEEWARD_HF_TOKEN: token }) };
      const given = takeGivenSecrets(env, (sentence) => said.push(sentence));
      expect(env).toEqual({ OTHER: 'x' });
      return given;
    };
    expect(take(` ${TOKEN} `)).toEqual({ [NAME]: TOKEN });
    expect(take('')).toEqual({});
    expect(take()).toEqual({});
    expect(said).toEqual([]);
    expect(take('not a token')).toEqual({});
    expect(said).toEqual(['LEEWARD_HF_TOKEN does not hold a token. It is not used.']);
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
