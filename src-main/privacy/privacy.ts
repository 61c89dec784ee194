import { errorCodeOf, appError, type LedgerEntry, type PrivacyState } from '../contract/index.ts';
import type { EventBus } from '../events.ts';
import type { Platform } from '../platform.ts';
import type { SettingsService } from '../settings/settings.ts';
import type { StoreClient } from '../store/api.ts';
import {
  createOutbound,
  type OpenConnection,
  type OutboundOptions,
  type OutboundRequest,
  type OutboundResponse,
} from './outbound.ts';

/** Announced at most four times a second: a download opens and ends connections faster than one reads. */
const ANNOUNCE_INTERVAL_MS = 250;
const DEFAULT_LEDGER_LIMIT = 200;

export interface LedgerPage {
  entries: LedgerEntry[];
  /** Over all runs of the app. */
  totals: { requests: number; sentBytes: number; receivedBytes: number };
}

/** Every connection to the outside goes through here. */
export interface Privacy {
  state(): PrivacyState;
  /** On: running connections end at once, and none opens until it is off again; kept between runs. */
  setOffline(offline: boolean): Promise<void>;
  ledger(query: {
    outcome?: 'all' | 'allowed' | 'refused' | undefined;
    beforeId?: number | undefined;
    limit?: number | undefined;
  }): Promise<LedgerPage>;
  /** See {@link createOutbound}: the app's only way to the network. */
  request(request: OutboundRequest): Promise<OutboundResponse>;
  /** Ends what is open and refuses what comes later. Before the store ends. */
  close(): Promise<void>;
}

interface PrivacyOptions {
  store: Pick<StoreClient, 'ledger'>;
  settings: SettingsService;
  bus: EventBus;
  /** Of this run of the app. */
  sessionId: string;
  log: Platform['log'];
  /** For tests against a local server. */
  outbound?: OutboundOptions;
}

export function createPrivacy({
  store,
  settings,
  bus,
  sessionId,
  log,
  outbound: options,
}: PrivacyOptions): Privacy {
  const sessionStartedAt = Date.now();
  let { offline, offlineSince } = settings.get();
  let open: readonly OpenConnection[] = [];
  let connections = 0;
  let refused = 0;
  let lastRefusedAt: number | null = null;
  let closed = false;

  const state = (): PrivacyState => ({
    offline,
    offlineSince,
    sessionStartedAt,
    connections,
    refused,
    lastRefusedAt,
    open: open.map(({ host, purpose }) => ({ host, purpose })),
  });
  const announce = throttle(
    () => bus.emit({ type: 'privacy.changed', state: state() }),
    ANNOUNCE_INTERVAL_MS,
  );

  const outbound = createOutbound(
    {
      isOffline: () => offline,
      endpoint: () => settings.get().hubEndpoint,
      proxy: () => settings.get().proxyAddress || null,
      async recordOpen({ host, purpose }) {
        const id = await store.ledger.open({ sessionId, at: Date.now(), host, purpose, outcome: 'open' });
        connections += 1;
        announce.soon();
        return id;
      },
      async recordRefusal({ host, purpose }) {
        const at = Date.now();
        refused += 1;
        lastRefusedAt = at;
        announce.soon();
        try {
          await store.ledger.open({ sessionId, at, host, purpose, outcome: 'refused' });
        } catch (error) {
          log('privacy.refusal_not_recorded', { code: errorCodeOf(error) });
        }
      },
      async recordEnd(id, sentBytes, receivedBytes, outcome) {
        try {
          await store.ledger.close({ id, sentBytes, receivedBytes, outcome });
        } catch (error) {
          // The entry stays `open` and is settled at the next start.
          log('privacy.end_not_recorded', { code: errorCodeOf(error) });
        }
      },
      changed(now) {
        open = now;
        announce.soon();
      },
    },
    options,
  );

  return {
    state,
    async setOffline(wanted) {
      if (wanted === offline) return;
      const since = wanted ? Date.now() : null;
      // On: in force before it is saved. Off: only once it is saved.
      if (!wanted) settings.update({ offline: wanted, offlineSince: since });
      offline = wanted;
      offlineSince = since;
      announce.soon();
      if (!wanted) return;
      await outbound.abortAll(appError('offline'));
      // As it is now: it may have been switched off again meanwhile.
      settings.update({ offline, offlineSince });
    },
    async ledger({ outcome = 'all', beforeId, limit = DEFAULT_LEDGER_LIMIT }) {
      const [entries, totals] = await Promise.all([
        store.ledger.list({ outcome, beforeId: beforeId ?? null, limit }),
        store.ledger.totals(undefined),
      ]);
      return { entries, totals };
    },
    async request(request) {
      if (closed) throw appError('aborted');
      return outbound.request(request);
    },
    async close() {
      closed = true;
      await outbound.abortAll(appError('aborted'));
      announce.stop();
    },
  };
}

/** Calls at once, then at most once an interval, always once after the last `soon`. */
function throttle(call: () => void, intervalMs: number): { soon(): void; stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  let wanted = false;
  const tick = () => {
    timer = undefined;
    if (wanted) fire();
  };
  const fire = () => {
    wanted = false;
    call();
    timer = setTimeout(tick, intervalMs).unref();
  };
  return {
    soon() {
      wanted = true;
      if (timer === undefined) fire();
    },
    stop: () => clearTimeout(timer),
  };
}
