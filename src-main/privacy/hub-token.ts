import type { HubTokenState } from '../contract/index.ts';
import type { SecretStore } from '../platform.ts';

const NAME = 'huggingFaceToken';

export interface HubToken {
  state(): Promise<HubTokenState>;
  /** @throws disk_full; the token from before is still in use then */
  set(token: string): Promise<HubTokenState>;
  remove(): Promise<HubTokenState>;
}

/** The access token for Hugging Face as clients see it: whether there is one, and where it is. */
export function createHubToken(secrets: SecretStore): HubToken {
  const state = async (): Promise<HubTokenState> => {
    const source = await secrets.sourceOf(NAME);
    return { set: source !== null && source !== 'unreadable', source };
  };
  return {
    state,
    async set(token) {
      await secrets.set(NAME, token);
      return state();
    },
    async remove() {
      await secrets.delete(NAME);
      return state();
    },
  };
}
