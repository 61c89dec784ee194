import type { SecretName, SecretStore } from '../platform.ts';

/**
 * Secrets of a host that cannot keep them: what is set is gone when the app ends.
 * @param environment given at start; used where nothing is set
 */
export function createMemorySecrets(
  environment: Readonly<Partial<Record<SecretName, string>>> = {},
): SecretStore {
  const held = new Map<SecretName, string>();
  return {
    canKeep: false,
    get: async (name) => held.get(name) ?? environment[name] ?? null,
    async sourceOf(name) {
      if (held.has(name)) return 'memory';
      return environment[name] === undefined ? null : 'environment';
    },
    async set(name, value) {
      held.set(name, value);
    },
    async delete(name) {
      held.delete(name);
    },
  };
}
