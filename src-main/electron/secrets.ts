import { join } from 'node:path';
import { safeStorage } from 'electron';
import type { Platform, SecretName, SecretStore } from '../platform.ts';
import { createSecretFile } from './secret-file.ts';

const FILE = 'secrets.json';

/**
 * The secrets of a data folder, encrypted with the key that the system keeps: Keychain, DPAPI, or on Linux the
 * desktop's own store. After the app is ready.
 * @param environment given at start; used where nothing is set
 */
export function openDesktopSecrets(
  dataDir: string,
  log: Platform['log'],
  environment: Readonly<Partial<Record<SecretName, string>>>,
): SecretStore {
  return createSecretFile({
    path: join(dataDir, FILE),
    cipher: {
      isAvailable: () => safeStorage.isAsyncEncryptionAvailable(),
      encrypt: (text) => safeStorage.encryptStringAsync(text),
      async decrypt(bytes) {
        const { result, shouldReEncrypt } = await safeStorage.decryptStringAsync(bytes);
        return { text: result, isOutdated: shouldReEncrypt };
      },
    },
    canKeep: process.platform !== 'linux' || hasSecretStore(safeStorage.getSelectedStorageBackend()),
    log,
    environment,
  });
}

/** Without a store of the desktop, Linux encrypts with a password that everyone can read in Chromium's source. */
function hasSecretStore(backend: ReturnType<typeof safeStorage.getSelectedStorageBackend>): boolean {
  return backend !== 'basic_text' && backend !== 'unknown';
}
