import { randomUUID } from 'node:crypto';
import type { ReadAheadRequest, ReadAheadResult } from './api.ts';
import { savedStateFor, type RestoreWatch } from './saved-states.ts';
import type { Reasoning, SidecarClient } from './sidecar/contract.ts';

/**
 * Reads ahead in a sidecar with the model in memory; ends soon after `signal` fires, with what was read by then.
 * @param options.key of the loaded model
 */
export async function followReadAhead(
  client: SidecarClient,
  request: ReadAheadRequest & { reasoning: Reasoning },
  { key, restore, signal }: { key: string | null; restore: RestoreWatch; signal: AbortSignal },
): Promise<ReadAheadResult | null> {
  const { systemPrompt, turns, reasoning, conversationId, savedStates } = request;
  const prompt = { systemPrompt, turns, reasoning, ...(conversationId === undefined ? {} : { conversationId }) };
  const savedState = await savedStateFor(client, { ...prompt, ...(savedStates ? { savedStates } : {}) }, key);
  if (signal.aborted) return null;
  const generationId = randomUUID();
  const stop = () => void client.stop({ generationId }).catch(() => {});
  signal.addEventListener('abort', stop, { once: true });
  try {
    const input = { ...prompt, generationId, ...(savedState ? { savedState } : {}) };
    for await (const event of await client.readAhead(input)) {
      if (event.type !== 'done') restore.note(event);
      else return { readTokens: event.readTokens, reusedTokens: event.reusedTokens, elapsedMs: event.elapsedMs };
    }
    return null;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
