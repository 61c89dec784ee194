import {
  DEFAULT_REASONING,
  DEFAULT_SAMPLING,
  type ContextPreview,
  type NewAttachment,
  type SentMessages,
} from '../contract/index.ts';
import type { Engine } from '../engine/api.ts';
import type { EventBus } from '../events.ts';
import type { Models } from '../models/models.ts';
import type { SettingsService } from '../settings/settings.ts';
import type { StoreClient } from '../store/api.ts';
import type { Answers } from './answers.ts';
import { withFiles } from './attached.ts';
import { partCounter } from './context-counts.ts';
import { createFileCounter } from './file-counts.ts';
import { inputFor } from './guide-prompt.ts';
import { promptDate } from './prompt-date.ts';
import {
  fitsSurely,
  planPrompt,
  previewOf,
  sentMessagesOf,
  wholePrompt,
  type PromptInput,
} from './context.ts';

interface ContextDeps {
  store: Pick<StoreClient, 'conversations' | 'messages' | 'attachments'>;
  engine: Pick<Engine, 'state' | 'countParts' | 'answerNow'>;
  models: Pick<Models, 'samplingOf'>;
  settings: Pick<SettingsService, 'get'>;
  bus: EventBus;
  answers: Pick<Answers, 'withLive'>;
}

/** The send that is asked about. */
interface NextSend {
  id: string | null;
  draft: string;
  attachments: readonly NewAttachment[];
  systemPrompt: string | null;
}

export type ContextService = ReturnType<typeof createContextService>;

/** What a model sees of a chat: told before it is sent. */
export function createContextService({ store, engine, models, settings, bus, answers }: ContextDeps) {
  const count = partCounter(engine);
  const fileTokens = createFileCounter(count);

  async function inputOf({ id, draft, attachments, systemPrompt }: NextSend): Promise<PromptInput> {
    const chat = id === null ? null : await store.conversations.head({ id });
    const leaf = chat?.activeLeafId ?? null;
    const path =
      leaf === null
        ? []
        : withFiles(await store.messages.path({ id: leaf }), await store.attachments.onPath({ id: leaf }));
    const { modelId } = engine.state;
    const own = chat?.settings.sampling ?? null;
    const sampling =
      own ??
      (modelId === null ? DEFAULT_SAMPLING : await models.samplingOf(modelId).catch(() => DEFAULT_SAMPLING));
    return {
      systemPrompt: chat?.settings.systemPrompt ?? systemPrompt ?? settings.get().defaultSystemPrompt,
      path: path.map((message) => ({ ...answers.withLive(message), files: message.files })),
      tail:
        draft.trim() === '' && attachments.length === 0
          ? []
          : [{ role: 'user', text: draft, files: attachments }],
      maxTokens: sampling.maxTokens,
      reasoning: chat?.settings.reasoning ?? DEFAULT_REASONING,
      ...(chat ? { date: promptDate(chat.createdAt) } : {}),
    };
  }

  async function plan(next: NextSend) {
    const input = inputFor(await inputOf(next), engine.state.modelId);
    const { contextSize } = engine.state;
    const planned =
      contextSize === null
        ? wholePrompt(input)
        : await planPrompt(input, contextSize, partCounter(engine, next.id));
    return { input, contextSize, planned };
  }

  return {
    plan,

    async preview(next: NextSend): Promise<ContextPreview> {
      const { input, contextSize, planned } = await plan(next);
      const files = await fileTokens(engine.state.modelId, input, planned);
      return previewOf(planned, contextSize, input.maxTokens, files);
    },

    async sent(next: NextSend): Promise<SentMessages> {
      return sentMessagesOf((await plan(next)).planned);
    },

    /**
     * Whether a send waits for a word of the user: something would be left out that was sent until now, or it does
     * not fit. False where the model that is to answer is not in memory: the answer tells then.
     */
    async needsWord(next: NextSend, modelId: string): Promise<boolean> {
      const { state } = engine;
      if (state.contextSize === null || state.modelId !== modelId) return false;
      const input = inputFor(await inputOf(next), modelId);
      if (fitsSurely(input, modelId, state.contextSize)) return false;
      const planned = await planPrompt(input, state.contextSize, partCounter(engine, next.id));
      // What a model in memory does not count is many times too long.
      return planned.counted === null || !planned.fits || planned.asks;
    },

    /** Tokens of each text, one by one; null when they cannot be counted. */
    async countPieces(texts: readonly string[]): Promise<number[] | null> {
      const counted: number[] = [];
      for (const text of texts) {
        const turns = [{ role: 'user' as const, text: text.trim() }];
        const counts = await count({ systemPrompt: '', reasoning: DEFAULT_REASONING, turns });
        if (counts === null) return null;
        counted.push(counts.turns[0] ?? 0);
      }
      return counted;
    },

    answerNow: (messageId: string): Promise<boolean> => engine.answerNow(messageId),

    async pin(messageId: string, pinned: boolean): Promise<void> {
      const conversationId = await store.messages.setPinned({ id: messageId, pinned });
      bus.emit({ type: 'conversation.changed', conversationId });
    },
  };
}
