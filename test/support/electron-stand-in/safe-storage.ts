import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { app } from './app.ts';
import { link } from './process-link.ts';
import { strict } from './strict.ts';

/** `STAND_IN_KEYCHAIN`: the key that the system holds; `locked`: it gives none. */
const keychain = process.env['STAND_IN_KEYCHAIN'] ?? 'the key of this account';
const key = createHash('sha256').update(keychain).digest();
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** "initialized lazily the first time this method [...] is called after the app is ready" */
async function ready(): Promise<void> {
  await app.whenReady();
  link.notify('record', { what: 'keychain' });
  if (keychain === 'locked') throw new Error('Encryption is not available.');
}

export const safeStorage = strict('safeStorage', {
  /** "Resolves with whether encryption is available for asynchronous safeStorage operations." */
  isAsyncEncryptionAvailable: () =>
    ready().then(
      () => true,
      () => false,
    ),
  /** "An array of bytes representing the encrypted string." */
  async encryptStringAsync(plainText: string): Promise<Buffer> {
    await ready();
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', key, iv);
    const text = Buffer.concat([cipher.update(plainText, 'utf8'), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), text]);
  },
  /** "Resolve with an object containing [...] `shouldReEncrypt` boolean [...] `result` string" */
  async decryptStringAsync(encrypted: Buffer): Promise<{ shouldReEncrypt: boolean; result: string }> {
    await ready();
    const decipher = createDecipheriv('aes-256-gcm', key, encrypted.subarray(0, IV_BYTES));
    decipher.setAuthTag(encrypted.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    const text = [decipher.update(encrypted.subarray(IV_BYTES + TAG_BYTES)), decipher.final()];
    return { shouldReEncrypt: false, result: Buffer.concat(text).toString('utf8') };
  },
  /** "User friendly name of the password manager selected on Linux." "`unknown` - [...] before [...] `ready`" */
  getSelectedStorageBackend(): string {
    if (!app._isReady()) return 'unknown';
    return process.env['STAND_IN_PASSWORD_STORE'] ?? 'gnome_libsecret';
  },
});
