import type { StoreApi, StoredSpeed } from '../api.ts';
import { all } from '../sql.ts';
import type { Queries } from '../sql.ts';

/** Answers shorter than this are timed too coarsely to say how fast a model is. */
const LEAST_TOKENS = 16;

export const generations: Queries<StoreApi['generations']> = {
  speeds: (db, input) =>
    all<StoredSpeed>(
      db,
      `SELECT m.model_id AS modelId, g.backend AS backend, g.tokens_per_second AS tokensPerSecond,
          g.read_tokens AS readTokens, g.prefill_ms AS prefillMs, g.finished_at AS finishedAt
        FROM generations g JOIN messages m ON m.id = g.message_id
        WHERE m.model_id IS NOT NULL AND g.copied = 0 AND g.tokens_per_second > 0 AND g.generated_tokens >= ${LEAST_TOKENS}
        ORDER BY g.finished_at DESC LIMIT @limit`,
      input,
    ),
};
