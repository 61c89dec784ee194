import {
  errorCodeOf,
  MAX_PREVIEW_LENGTH,
  type TrainingFilters,
  type TrainingPreview,
} from '../../contract/index.ts';
import type { Models } from '../../models/models.ts';
import type { RenderTemplate } from '../../models/template-renderer.ts';
import type { Store } from '../../store/api.ts';
import { trainingIds, wholeChat } from './export.ts';
import type { WholeChat } from './formats.ts';
import { trainingTurns, type TrainingTurn } from './training.ts';

/** How long chats are read to find one that passes: a person waits. */
const MAX_SEARCH_MS = 1_500;

export interface TrainingPreviewDeps {
  store: Store;
  models: Pick<Models, 'headerOf'>;
  render: RenderTemplate;
}

interface Request {
  conversationIds: readonly string[] | null;
  training: TrainingFilters;
  /** Whose template is shown; null: none. */
  modelId: string | null;
}

export type PreviewTraining = (request: Request) => Promise<TrainingPreview>;

const shortened = (text: string) => text.slice(0, MAX_PREVIEW_LENGTH);

/** Shows the first line of an export for fine-tuning, and what a model's template makes of it. */
export function createTrainingPreview({ store, models, render }: TrainingPreviewDeps): PreviewTraining {
  async function first(
    request: Request,
  ): Promise<{ chat: WholeChat; turns: TrainingTurn[] } | 'none' | 'unknown'> {
    const until = performance.now() + MAX_SEARCH_MS;
    for (const id of await trainingIds(store, request.conversationIds, request.training)) {
      const chat = await wholeChat(store, id);
      const turns = chat && trainingTurns(chat, request.training);
      if (chat && turns) return { chat, turns };
      if (performance.now() > until) return 'unknown';
    }
    return 'none';
  }

  /** Null when the file of the model cannot be read. */
  async function templateOf(modelId: string) {
    try {
      const { header, settings } = await models.headerOf(modelId);
      const { bosToken, eosToken } = header;
      return { template: settings.chatTemplate ?? header.chatTemplate, bosToken, eosToken };
    } catch (error) {
      if (errorCodeOf(error) === 'internal') throw error;
      return null;
    }
  }

  async function written(
    modelId: string | null,
    messages: readonly TrainingTurn[] | null,
  ): Promise<Pick<TrainingPreview, 'template' | 'rendered' | 'problem'>> {
    if (modelId === null) return { template: null, rendered: null, problem: null };
    const own = await templateOf(modelId);
    if (!own) return { template: null, rendered: null, problem: 'model_unreadable' };
    const { template, bosToken, eosToken } = own;
    if (template === null) return { template, rendered: null, problem: 'no_template' };
    if (messages === null) return { template, rendered: null, problem: null };
    const rendered = await render({ template, messages, bosToken: bosToken ?? '', eosToken: eosToken ?? '' });
    return {
      template,
      rendered,
      problem: rendered === null ? 'template_failed' : null,
    };
  }

  return async (request) => {
    const found = await first(request);
    if (found === 'none' || found === 'unknown')
      return { found, title: null, line: null, ...(await written(request.modelId, null)) };
    const { chat, turns } = found;
    return {
      found: 'one',
      title: chat.conversation.title,
      line: shortened(JSON.stringify({ messages: turns })),
      ...(await written(request.modelId, turns)),
    };
  };
}
