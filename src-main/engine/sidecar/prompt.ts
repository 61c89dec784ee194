import type { ChatHistoryItem, ChatWrapper, Token } from 'node-llama-cpp';
import { appError } from '../../contract/index.ts';
import type { PromptInput } from './contract.ts';
import type { LoadedModel } from './model.ts';

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
  { systemPrompt, turns }: PromptInput,
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

/**
 * Renders and tokenizes what the model is to answer, as LlamaChat will do it.
 * @throws context_full when the text is far too long to be worth counting
 * @throws internal with `reason: chat_template` when the template of the file fails on this history
 */
export function renderPrompt({ model, chat, context }: LoadedModel, history: ChatHistoryItem[]): Token[] {
  const { contextSize } = context;
  const units = history.reduce((sum, item) => sum + unitsOf(item), 0);
  if (units > contextSize * MAX_UNITS_PER_TOKEN) throw appError('context_full', { contextSize });
  try {
    const { contextText } = chat.chatWrapper.generateContextState({
      chatHistory: [...history, { type: 'model', response: [] }],
    });
    return contextText.tokenize(model.tokenizer);
  } catch (cause) {
    throw appError('internal', { reason: 'chat_template' }, { cause, retryable: false });
  }
}

function unitsOf(item: ChatHistoryItem): number {
  if (item.type !== 'model') return item.text.length;
  return item.response.reduce((sum, part) => sum + (typeof part === 'string' ? part.length : 0), 0);
}
