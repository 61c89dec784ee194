import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { appError, type GenerationSettings, type ReplayChange } from '../contract/index.ts';
import type { Engine } from '../engine/api.ts';
import type { Models } from '../models/models.ts';
import type { StoreClient, StoredMessage } from '../store/api.ts';
import type { AnswerPlan } from './answers.ts';
import { systemPromptFor } from './guide-prompt.ts';

interface Deps {
  store: Pick<StoreClient, 'conversations' | 'models'>;
  engine: Pick<Engine, 'state'>;
  models: Pick<Models, 'list'>;
}

/** 128 bits tell two system prompts apart, in letters that fit a line. */
const HASH_LETTERS = 32;

/** A short hash of a system prompt: whether it changed, without a copy in every answer. */
export function systemPromptHash(systemPrompt: string): string {
  return createHash('sha256').update(systemPrompt).digest('hex').slice(0, HASH_LETTERS);
}

/**
 * What is no longer as it was when an answer was made. What is only known once the model is loaded is compared when
 * it is.
 */
export async function replayChanges(deps: Deps, message: StoredMessage): Promise<ReplayChange[]> {
  const { settings, stats, modelId, conversationId } = message;
  if (settings === null || stats === null || modelId === null) return ['unknown'];
  const model = (await deps.models.list()).find(({ id }) => id === modelId);
  if (!model?.available) return ['model_gone'];
  const { state } = deps.engine;
  const isLoaded = state.modelId === modelId;
  const { settings: chosen } = await deps.store.conversations.head({ id: conversationId });
  const checks: Record<Exclude<ReplayChange, 'unknown' | 'model_gone'>, boolean> = {
    model_file: await isOtherFile(deps, modelId, settings.model),
    system_prompt:
      systemPromptHash(systemPromptFor(chosen.systemPrompt, modelId)) !== settings.systemPromptHash,
    context_size: isLoaded && state.contextSize !== null && state.contextSize !== stats.contextSize,
    backend: isLoaded && state.backend !== null && state.backend !== stats.backend,
    engine: state.engineVersion !== null && state.engineVersion !== stats.engineVersion,
  };
  return replayOrder.filter((change) => checks[change]);
}

const replayOrder = ['model_file', 'system_prompt', 'context_size', 'backend', 'engine'] as const;

async function isOtherFile(
  { store }: Deps,
  modelId: string,
  used: GenerationSettings['model'],
): Promise<boolean> {
  const { path, sizeBytes } = await store.models.get({ id: modelId });
  const file = await stat(path).catch(() => null);
  const modifiedAt = file && Math.round(file.mtimeMs);
  return sizeBytes !== used.sizeBytes || modifiedAt !== used.modifiedAt;
}

/**
 * How an answer was made, to make it again.
 * @throws conflict when that is not known, no_model when its model is gone
 */
export function replayPlan({ settings, stats, modelId }: StoredMessage): AnswerPlan {
  if (settings === null || stats === null) throw appError('conflict');
  if (modelId === null) throw appError('no_model');
  const { sampling, reasoning, leftOut } = settings;
  return {
    modelId,
    // The seed that was drawn then.
    sampling: { ...sampling, seed: stats.seed },
    reasoning,
    leaveOut: leftOut.length > 0,
  };
}
