import type { AppClient, AppEvent, HubTokenState, PrivacyState } from '../../src-main/contract/index.ts';

type LedgerInput = Parameters<AppClient['privacy']['ledger']>[0];
export type Ledger = Awaited<ReturnType<AppClient['privacy']['ledger']>>;
export type Stored = Awaited<ReturnType<AppClient['privacy']['stored']>>;

/** The Offline switch and what was connected. */
export class PrivacyStore {
  state: PrivacyState;
  readonly #client: AppClient;

  constructor(client: AppClient, state: PrivacyState) {
    this.#client = client;
    this.state = $state.raw(state);
  }

  handle(event: AppEvent): void {
    if (event.type === 'privacy.changed') this.state = event.state;
    else if (event.type === 'gap') void this.refresh();
  }

  async refresh(): Promise<void> {
    this.state = await this.#client.privacy.state();
  }

  async setOffline(offline: boolean): Promise<void> {
    await this.#client.privacy.setOffline({ offline });
  }

  /** A page of the ledger, newest first. */
  ledger(input: LedgerInput): Promise<Ledger> {
    return this.#client.privacy.ledger(input);
  }

  /** What is on this computer, and how large it is. */
  stored(): Promise<Stored> {
    return this.#client.privacy.stored();
  }

  /** Whether there is an access token for Hugging Face, and where; never the token. */
  hubToken(): Promise<HubTokenState> {
    return this.#client.privacy.hubToken();
  }

  /** @throws what the core refused; the token from before is still in use then */
  setHubToken(token: string): Promise<HubTokenState> {
    return this.#client.privacy.setHubToken({ token });
  }

  removeHubToken(): Promise<HubTokenState> {
    return this.#client.privacy.removeHubToken();
  }
}
