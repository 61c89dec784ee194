import { stat } from 'node:fs/promises';
import packageJson from '../../package.json' with { type: 'json' };
import {
  appError,
  DEFAULT_REASONING,
  type ConversationSettings,
  type GenerationSettings,
  type ReasoningSettings,
  type Sampling,
} from '../contract/index.ts';
import type { ChatTurn, Engine } from '../engine/api.ts';
import type { Models } from '../models/models.ts';
import type { SettingsService } from '../settings/settings.ts';
import type { StoreClient } from '../store/api.ts';
import { partCounter } from './context-counts.ts';
import { inputFor } from './guide-prompt.ts';
import { systemPromptHash } from './replay.ts';
import { fitsSurely, planPrompt, wholePrompt, type PlannedPrompt, type PromptInput } from './context.ts';

interface Deps {
  store: Pick<StoreClient, 'models' | 'provenance'>;
  engine: Pick<Engine, 'state' | 'countParts'>;
  models: Pick<Models, 'samplingOf'>;
  settings: Pick<SettingsService, 'get'>;
}

interface Wanted {
  modelId: string;
  path: PromptInput['path'];
  /** What the answer begins with; empty for none. */
  beginning: readonly ChatTurn[];
  /** Of the conversation. */
  chosen: ConversationSettings;
  /** Of the conversation, see `promptDate`. */
  date: string;
  /** Instead of the conversation's. */
  sampling: Sampling | undefined;
  /** Messages that do not fit may be left out. */
  leaveOut: boolean;
}

/** What an answer is made from, and with. */
export interface AnswerPrompt {
  readonly systemPrompt: string;
  readonly turns: ChatTurn[];
  readonly date: string;
  readonly sampling: Sampling;
  readonly reasoning: ReasoningSettings;
  readonly settings: GenerationSettings;
}

/**
 * Makes the prompt of an answer, with the model in memory.
 * @throws context_full when something would have to be left out that the user has not agreed to, with `leftOut` =
 * how many messages, or when what must stay is too long
 */
export async function promptForAnswer(deps: Deps, wanted: Wanted): Promise<AnswerPrompt> {
  const { chosen, modelId } = wanted;
  const [sampling, made] = await Promise.all([
    wanted.sampling ?? chosen.sampling ?? deps.models.samplingOf(modelId),
    madeWith(deps, modelId),
  ]);
  const whole = {
    systemPrompt: chosen.systemPrompt,
    path: wanted.path,
    tail: wanted.beginning,
    maxTokens: sampling.maxTokens,
    reasoning: chosen.reasoning ?? DEFAULT_REASONING,
    date: wanted.date,
  };
  const input = inputFor(whole, modelId);
  const planned = await agreed(deps, input, wanted);
  const { systemPrompt, date, reasoning } = input;
  const settings = {
    sampling,
    reasoning,
    ...made,
    systemPromptHash: systemPromptHash(systemPrompt),
    leftOut: [...planned.leftOut],
  };
  return { systemPrompt, date, turns: [...planned.turns], sampling, reasoning, settings };
}

async function agreed(
  { engine }: Deps,
  input: PromptInput,
  { modelId, leaveOut }: Wanted,
): Promise<PlannedPrompt> {
  const { contextSize } = engine.state;
  // Another chat may have loaded its own model just now: the engine checks the length itself then.
  if (contextSize === null || engine.state.modelId !== modelId) return wholePrompt(input);
  if (fitsSurely(input, modelId, contextSize)) return wholePrompt(input);
  const planned = await planPrompt(input, contextSize, partCounter(engine));
  if (planned.fits && (leaveOut || !planned.asks)) return planned;
  // A shorter answer is better than none.
  if (planned.fitsWhole) return wholePrompt(input);
  throw appError('context_full', {
    promptTokens: planned.counted?.wholeTokens ?? null,
    contextSize,
    leftOut: planned.fits ? planned.leftOut.length : null,
  });
}

async function madeWith(
  { store, engine, settings }: Deps,
  modelId: string,
): Promise<Omit<GenerationSettings, 'sampling' | 'reasoning' | 'systemPromptHash' | 'leftOut'>> {
  const [model, provenance] = await Promise.all([
    store.models.get({ id: modelId }),
    store.provenance.get({ modelId }),
  ]);
  const modifiedAt = await stat(model.path).then(
    ({ mtimeMs }) => Math.round(mtimeMs),
    () => null,
  );
  const { contextSize, gpuLayers } = engine.state;
  return {
    contextSize,
    gpuLayers,
    threads: model.settings.threads ?? settings.get().threads,
    model: { sha256: provenance?.files[0]?.sha256 ?? null, sizeBytes: model.sizeBytes, modifiedAt },
    appVersion: packageJson.version,
  };
}
