import { randomUUID } from 'node:crypto';
import type { ReadAheadRequest, ReadAheadResult } from './api.ts';
import { copyFileFor, RestoreWatch, savedStateFor } from './saved-states.ts';
import type { Reasoning, SidecarClient } from './sidecar/contract.ts';
import type { SidecarProcess } from './sidecar-process.ts';

type Input = ReadAheadRequest & { reasoning: Reasoning };

/**
 * Reads ahead in a sidecar with the model in memory; ends soon after `signal` fires, with what was read by then.
 * @param options.key of the loaded model
 */
export async function readAheadIn(
  sidecar: SidecarProcess,
  request: Input,
  options: { key: string | null; signal: AbortSignal },
): Promise<ReadAheadResult | null> {
  const restore = new RestoreWatch(request);
  try {
    return await sidecar.whileAlive(() => followReadAhead(sidecar.client, request, { ...options, restore }));
  } catch (error) {
    restore.failed();
    throw error;
  }
}

async function followReadAhead(
  client: SidecarClient,
  request: Input,
  { key, restore, signal }: { key: string | null; restore: RestoreWatch; signal: AbortSignal },
): Promise<ReadAheadResult | null> {
  const { systemPrompt, turns, reasoning, conversationId, savedStates, branchCopy, date } = request;
  const prompt = {
    systemPrompt,
    turns,
    reasoning,
    ...(date === undefined ? {} : { date }),
    ...(conversationId === undefined ? {} : { conversationId }),
  };
  const files = { ...(savedStates ? { savedStates } : {}), ...(branchCopy ? { branchCopy } : {}) };
  const savedState = await savedStateFor(client, { ...prompt, ...files }, key);
  if (signal.aborted) return null;
  const generationId = randomUUID();
  const events = await client.readAhead({
    ...prompt,
    generationId,
    ...(savedState ? { savedState } : {}),
    ...copyFileFor(branchCopy),
  });
  const stop = () => void client.stop({ generationId }).catch(() => {});
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const event of events) {
      if (event.type !== 'done') restore.note(event);
      else
        return { readTokens: event.readTokens, reusedTokens: event.reusedTokens, elapsedMs: event.elapsedMs };
    }
    return null;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
