import {
  ChatWrapper,
  type ChatHistoryItem,
  type ChatModelResponse,
  type ChatModelSegment,
  type ChatWrapperGenerateContextStateOptions,
  type ChatWrapperGeneratedContextState,
  type ChatWrapperSettings,
  type LlamaContext,
  type LlamaModel,
  type LlamaText,
  type Token,
} from 'node-llama-cpp';
import { appError } from '../../contract/index.ts';
import type { PromptInput, ReasoningMode, Turn } from './contract.ts';
import type { ChatTemplate } from './template.ts';

/**
 * UTF-16 units a token: no chat comes near it, and one that is longer than the context at this rate is not
 * counted. Counting holds this process: six million units take longer than main waits for a sign of life.
 */
const MAX_UNITS_PER_TOKEN = 16;

/** Between the system prompt and the first message, and between messages that must be one. */
const PARAGRAPH = '\n\n';

/**
 * The conversation as the library's history. User text stays plain text, so it can never become a special token.
 * Empty answers are left out and user turns that then meet are joined: many templates want roles to alternate.
 * @param isSystemMerged put the system prompt into the first user message, see {@link movesSystemPrompt}
 */
export function buildHistory(
  { systemPrompt, turns }: Pick<PromptInput, 'systemPrompt' | 'turns'>,
  isSystemMerged: boolean,
): ChatHistoryItem[] {
  const history: ChatHistoryItem[] = [];
  const system = systemPrompt.trim() === '' ? null : systemPrompt;
  if (system !== null && !isSystemMerged) history.push({ type: 'system', text: system });
  for (const turn of turns) {
    const last = history.at(-1);
    if (turn.role === 'assistant') {
      if (turn.text.trim() !== '') history.push({ type: 'model', response: [turn.text] });
    } else if (last?.type === 'user') {
      last.text = `${last.text}${PARAGRAPH}${turn.text}`;
    } else {
      history.push({ type: 'user', text: turn.text });
    }
  }
  const first = history.find((item) => item.type === 'user');
  if (system !== null && isSystemMerged && first) first.text = `${system}${PARAGRAPH}${first.text}`;
  return history;
}

const PROBE_SYSTEM = 'leewardprobesystem';
const PROBE_USER = 'leewardprobeuser';

/**
 * True for templates that put the system prompt before the *last* user message (Mistral's): each turn would then
 * change earlier text, and the whole chat would be read again.
 */
export function movesSystemPrompt(wrapper: ChatWrapper): boolean {
  const { contextText } = wrapper.generateContextState({
    chatHistory: [
      { type: 'system', text: PROBE_SYSTEM },
      { type: 'user', text: PROBE_USER },
      { type: 'model', response: ['b'] },
      { type: 'user', text: 'c' },
      { type: 'model', response: [] },
    ],
  });
  const text = contextText.toString();
  return text.indexOf(PROBE_SYSTEM) > text.indexOf(PROBE_USER);
}

/** What the model is to answer, or to continue, in every form that is needed of it. */
export interface Prompt {
  /** Ends with the model's open turn. */
  readonly history: ChatHistoryItem[];
  readonly wrapper: ChatWrapper;
  readonly text: LlamaText;
  readonly tokens: Token[];
  /** The open turn has text or thoughts already. */
  readonly isContinued: boolean;
}

/**
 * Renders and tokenizes what the model is to answer, as LlamaChat will do it.
 * @throws context_full when the text is far too long to be worth counting
 * @throws internal with `reason: chat_template` when the template of the file fails on this history
 */
export function renderPrompt(loaded: PromptModel, input: PromptInput): Prompt {
  const { model, context, template, isSystemMerged } = loaded;
  const { mode } = input.reasoning;
  const { contextSize } = context;
  const last = input.turns.at(-1);
  const open = last && isOpen(last) ? last : null;
  const turns = open ? input.turns.slice(0, -1) : input.turns;
  const response = openResponse(template, mode, open);
  const history: ChatHistoryItem[] = [
    ...buildHistory({ systemPrompt: input.systemPrompt, turns }, isSystemMerged),
    { type: 'model', response },
  ];
  const units = history.reduce((sum, item) => sum + unitsOf(item), 0);
  if (units > contextSize * MAX_UNITS_PER_TOKEN) throw appError('context_full', { contextSize });
  const plain = template.wrapper(mode, input.date);
  const wrapper = open ? new ContinuingWrapper(plain) : plain;
  try {
    const { contextText: text } = wrapper.generateContextState({ chatHistory: history });
    const tokens = text.tokenize(model.tokenizer);
    return { history, wrapper, text, tokens, isContinued: open !== null };
  } catch (cause) {
    throw appError('internal', { reason: 'chat_template' }, { cause, retryable: false });
  }
}

/** What rendering needs to know of a loaded model. */
export interface PromptModel {
  readonly model: Pick<LlamaModel, 'tokenizer'>;
  readonly context: Pick<LlamaContext, 'contextSize'>;
  readonly template: ChatTemplate;
  readonly isSystemMerged: boolean;
}

function isOpen(turn: Turn): boolean {
  return turn.role === 'assistant' && (turn.text.trim() !== '' || (turn.reasoning ?? '').trim() !== '');
}

function openResponse(
  template: ChatTemplate,
  mode: ReasoningMode,
  open: Turn | null,
): (string | ChatModelSegment)[] {
  const text = open?.text ?? '';
  const answer = text === '' ? [] : [text];
  const canThink = template.reasoning !== 'none';
  if (canThink && open?.reasoning) return [thought(open.reasoning, text !== ''), ...answer];
  // A template without a switch is told not to think by a thought that has ended.
  const isEnded = template.reasoning === 'always' && (mode === 'off' || (template.isOpenedOnStart && open));
  return isEnded ? [thought('', true), ...answer] : answer;
}

function thought(text: string, ended: boolean): ChatModelSegment {
  return { type: 'segment', segmentType: 'thought', text, ended };
}

/** For an answer that goes on: white space at its start is part of the text, not of the template. */
class ContinuingWrapper extends ChatWrapper {
  override readonly wrapperName: string;
  override readonly settings: ChatWrapperSettings;
  readonly #inner: ChatWrapper;

  constructor(inner: ChatWrapper) {
    super();
    this.#inner = inner;
    this.wrapperName = inner.wrapperName;
    this.settings = inner.settings;
  }

  override generateContextState(
    options: ChatWrapperGenerateContextStateOptions,
  ): ChatWrapperGeneratedContextState {
    const state = this.#inner.generateContextState(options);
    return state.ignoreStartText ? { ...state, ignoreStartText: [] } : state;
  }

  override generateModelResponseText(response: ChatModelResponse['response'], useRawValues?: boolean) {
    return this.#inner.generateModelResponseText(response, useRawValues);
  }
}

function unitsOf(item: ChatHistoryItem): number {
  if (item.type !== 'model') return item.text.length;
  return item.response.reduce(
    (sum, part) =>
      sum + (typeof part === 'string' ? part.length : part.type === 'segment' ? part.text.length : 0),
    0,
  );
}
