import { randomUUID } from 'node:crypto';
import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import * as v from 'valibot';
import { appError, type SecretSource } from '../contract/index.ts';
import type { Platform, SecretName, SecretStore } from '../platform.ts';

const VERSION = 1;
/** Encrypted values in base64 by name; names of a newer version of the app are left as they are. */
const StoredSecrets = v.object({
  version: v.literal(VERSION),
  secrets: v.record(v.string(), v.pipe(v.string(), v.base64())),
});
const NewerSecrets = v.object({ version: v.pipe(v.number(), v.gtValue(VERSION)) });
type Stored = v.InferOutput<typeof StoredSecrets>['secrets'];
type Contents = { state: 'whole'; secrets: Stored } | { state: 'damaged' } | { state: 'newer' };

/** Encryption with a key that the system keeps for this account. */
export interface Cipher {
  /** Asks the system the first time, which may ask the person. */
  isAvailable(): Promise<boolean>;
  encrypt(text: string): Promise<Uint8Array>;
  /** @returns `isOutdated` when the value should be encrypted again: the system has another key now */
  decrypt(bytes: Buffer): Promise<{ text: string; isOutdated: boolean }>;
}

export interface SecretFileOptions {
  readonly path: string;
  readonly cipher: Cipher;
  /** False where what the system calls encryption has no key of its own. */
  readonly canKeep: boolean;
  readonly log: Platform['log'];
  /** Given at start; used where nothing is set. */
  readonly environment?: Readonly<Partial<Record<SecretName, string>>>;
}

interface Found {
  value: string | null;
  source: SecretSource | null;
}
const NONE: Found = { value: null, source: null };
const UNREADABLE: Found = { value: null, source: 'unreadable' };

/**
 * Secrets in one encrypted file. The system's key store is asked when the first secret is needed, not at start.
 * What cannot be read now is tried again at the next call; where nothing can be kept, secrets stay in memory.
 * Drafts that a kill has left are removed.
 */
export function createSecretFile(options: SecretFileOptions): SecretStore {
  const { path, cipher, environment = {} } = options;
  const held = new Map<SecretName, { value: string; source: SecretSource }>();
  let answersNow = true;
  let last: Promise<unknown> = removeDrafts(path).catch(() => {});
  /** One at a time: two changes of the file would each lose the other. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };

  const told = new Set<string>();
  const logOnce = (event: string) => {
    if (!told.has(event)) options.log(event);
    told.add(event);
  };

  const isAvailable = async () => {
    if (!options.canKeep) return false;
    answersNow = await cipher.isAvailable().catch(() => false);
    if (!answersNow) logOnce('secrets.unavailable');
    return answersNow;
  };

  async function read(): Promise<Contents> {
    const contents = await readSecrets(path);
    if (contents.state !== 'whole') logOnce(`secrets.${contents.state}`);
    return contents;
  }

  /** False when the system could not encrypt it. @throws disk_full */
  async function keep(name: SecretName, value: string): Promise<boolean> {
    const bytes = (await isAvailable()) ? await cipher.encrypt(value).catch(() => null) : null;
    if (bytes === null) return false;
    const contents = await read();
    if (contents.state === 'newer') await setAside(path);
    const others = contents.state === 'whole' ? contents.secrets : {};
    await writeSecrets(path, { ...others, [name]: Buffer.from(bytes).toString('base64') });
    return true;
  }

  async function drop(name: SecretName): Promise<void> {
    const contents = await read();
    if (contents.state === 'damaged') return writeSecrets(path, {});
    if (contents.state === 'newer') return;
    const { [name]: gone, ...others } = contents.secrets;
    if (gone !== undefined) await writeSecrets(path, others);
  }

  /** What the file has, decrypted and held. @throws when the file cannot be read, or the value not decrypted */
  async function findKept(name: SecretName): Promise<Found> {
    const contents = await read();
    if (contents.state === 'damaged') return UNREADABLE;
    const stored = contents.state === 'whole' ? contents.secrets[name] : undefined;
    if (stored === undefined) return NONE;
    if (!(await isAvailable())) return UNREADABLE;
    const { text, isOutdated } = await cipher.decrypt(Buffer.from(stored, 'base64'));
    const found = { value: text, source: 'kept' } as const;
    held.set(name, found);
    if (isOutdated) await keep(name, text).catch(() => options.log('secrets.not_renewed'));
    return found;
  }

  async function find(name: SecretName): Promise<Found> {
    const inMemory = held.get(name);
    if (inMemory !== undefined) return inMemory;
    const kept = await findKept(name).catch((error: unknown) => {
      // Only the file system's errors have a code.
      logOnce(codeOf(error) === undefined ? 'secrets.undecryptable' : 'secrets.unreadable');
      return UNREADABLE;
    });
    const given = environment[name];
    return kept.value === null && given !== undefined ? { value: given, source: 'environment' } : kept;
  }

  return {
    get canKeep() {
      return options.canKeep && answersNow;
    },
    get: (name) => inTurn(async () => (await find(name)).value),
    sourceOf: (name) => inTurn(async () => (await find(name)).source),
    set: (name, value) =>
      inTurn(async () => {
        // Where it cannot be kept, the one that was kept before stays for the next start.
        const isKept = await keep(name, value);
        held.set(name, { value, source: isKept ? 'kept' : 'memory' });
      }),
    delete: (name) =>
      inTurn(async () => {
        await drop(name);
        held.delete(name);
      }),
  };
}

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? error.code : undefined);

/** @throws NodeJS.ErrnoException when the file is there and cannot be read, which may pass */
async function readSecrets(path: string): Promise<Contents> {
  let text;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { state: 'whole', secrets: {} };
    throw error;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (v.is(NewerSecrets, value)) return { state: 'newer' };
    return { state: 'whole', secrets: v.parse(StoredSecrets, value).secrets };
  } catch {
    return { state: 'damaged' };
  }
}

/** Keeps the file of a newer version of the app for that version. */
function setAside(path: string): Promise<void> {
  const name = basename(path, '.json');
  return rename(path, join(dirname(path), `${name}.newer-${Date.now()}.json`));
}

const draftOf = (path: string) => `${path}.${randomUUID()}`;
const DRAFT_ENDING = /^\.[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/u;

async function removeDrafts(path: string): Promise<void> {
  const name = basename(path);
  const isDraft = (entry: string) => entry.startsWith(name) && DRAFT_ENDING.test(entry.slice(name.length));
  const drafts = (await readdir(dirname(path))).filter(isDraft);
  await Promise.all(drafts.map((draft) => rm(join(dirname(path), draft), { force: true })));
}

/** Whole or not at all, for this account only. */
async function writeSecrets(path: string, secrets: Stored): Promise<void> {
  if (Object.keys(secrets).length === 0) return rm(path, { force: true });
  const draft = draftOf(path);
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(JSON.stringify({ version: VERSION, secrets }));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    const code = codeOf(error);
    throw code === 'ENOSPC' || code === 'EDQUOT' ? appError('disk_full', undefined, { cause: error }) : error;
  }
}
