import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import * as v from 'valibot';
import { appError, type SecretSource } from '../contract/index.ts';
import type { Platform, SecretName, SecretStore } from '../platform.ts';

/** Encrypted values in base64 by name; names of a newer version of the app are left as they are. */
const StoredSecrets = v.object({
  version: v.literal(1),
  secrets: v.record(v.string(), v.pipe(v.string(), v.base64())),
});
type Stored = v.InferOutput<typeof StoredSecrets>['secrets'];

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
}

/**
 * Secrets in one encrypted file. The system's key store is asked when the first secret is needed, not at start.
 * A file or value that cannot be read counts as gone; where nothing can be kept, secrets stay in memory.
 */
export function createSecretFile({ path, cipher, canKeep, log }: SecretFileOptions): SecretStore {
  const held = new Map<SecretName, { value: string; source: SecretSource }>();
  const looked = new Set<SecretName>();
  let keeps = canKeep;
  let last: Promise<unknown> = Promise.resolve();
  /** One at a time: two changes of the file would each lose the other. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };

  const isAvailable = async () => {
    if (!keeps) return false;
    keeps = await cipher.isAvailable().catch(() => false);
    if (!keeps) log('secrets.unavailable');
    return keeps;
  };

  /** False when the system could not encrypt it. @throws disk_full */
  async function keep(name: SecretName, value: string): Promise<boolean> {
    const bytes = (await isAvailable()) ? await cipher.encrypt(value).catch(() => null) : null;
    if (bytes === null) return false;
    const stored = await readSecrets(path, log);
    await writeSecrets(path, { ...stored, [name]: Buffer.from(bytes).toString('base64') });
    return true;
  }

  async function drop(name: SecretName): Promise<void> {
    const { [name]: gone, ...others } = await readSecrets(path, log);
    if (gone !== undefined) await writeSecrets(path, others);
  }

  async function find(name: SecretName) {
    if (held.has(name) || looked.has(name)) return held.get(name) ?? null;
    looked.add(name);
    const stored = (await readSecrets(path, log))[name];
    if (stored === undefined || !(await isAvailable())) return null;
    try {
      const { text, isOutdated } = await cipher.decrypt(Buffer.from(stored, 'base64'));
      held.set(name, { value: text, source: 'kept' });
      if (isOutdated) await keep(name, text).catch(() => log('secrets.not_renewed'));
    } catch {
      log('secrets.undecryptable');
    }
    return held.get(name) ?? null;
  }

  return {
    get canKeep() {
      return keeps;
    },
    get: (name) => inTurn(async () => (await find(name))?.value ?? null),
    sourceOf: (name) => inTurn(async () => (await find(name))?.source ?? null),
    set: (name, value) =>
      inTurn(async () => {
        const isKept = await keep(name, value);
        // An older one would come back with the next start.
        if (!isKept) await drop(name);
        held.set(name, { value, source: isKept ? 'kept' : 'memory' });
      }),
    delete: (name) =>
      inTurn(async () => {
        await drop(name);
        held.delete(name);
        looked.add(name);
      }),
  };
}

async function readSecrets(path: string, log: Platform['log']): Promise<Stored> {
  try {
    return v.parse(StoredSecrets, JSON.parse(await readFile(path, 'utf8'))).secrets;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) log('secrets.damaged');
    return {};
  }
}

/** Whole or not at all, for this account only. */
async function writeSecrets(path: string, secrets: Stored): Promise<void> {
  if (Object.keys(secrets).length === 0) return rm(path, { force: true });
  const draft = `${path}.${randomUUID()}`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(JSON.stringify({ version: 1, secrets }));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    throw code === 'ENOSPC' || code === 'EDQUOT' ? appError('disk_full', undefined, { cause: error }) : error;
  }
}
