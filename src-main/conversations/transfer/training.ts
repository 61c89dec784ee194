import type { TrainingFilters } from '../../contract/index.ts';
import { withFiles } from '../attached.ts';
import { turnOf } from '../context.ts';
import type { WholeChat } from './formats.ts';
import { branchTo } from './path.ts';

/** A message as tools for fine-tuning read it. */
export interface TrainingTurn {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

/**
 * The branch on screen as chat messages for fine-tuning; null for a chat that the filters leave out. Ends with an
 * answer; turns of one role in a row are one. What the store can tell of a chat is not looked at here. Pure.
 */
export function trainingTurns(
  { conversation, messages, files }: WholeChat,
  filters: TrainingFilters,
): TrainingTurn[] | null {
  const branch = branchTo(messages, conversation.activeLeafId);
  const isBroken = branch.some(({ role, status }) => role === 'assistant' && status !== 'complete');
  if (filters.completeOnly && isBroken) return null;
  const turns: TrainingTurn[] = [];
  const { systemPrompt } = conversation.settings;
  if (filters.systemPrompt && systemPrompt.trim() !== '')
    turns.push({ role: 'system', content: systemPrompt });
  for (const message of withFiles(branch, files)) {
    const { role, text } = turnOf(message);
    const { reasoning } = message;
    if (text.trim() === '') continue;
    const thought = filters.reasoning && reasoning !== '' ? `<think>\n${reasoning}\n</think>\n\n` : '';
    const last = turns.at(-1);
    if (last?.role === role) last.content += `\n\n${text}`;
    else turns.push({ role, content: thought + text });
  }
  while (turns.length > 0 && turns.at(-1)?.role !== 'assistant') turns.pop();
  const answers = turns.filter(({ role }) => role === 'assistant').length;
  return answers > 0 && answers >= filters.minAnswers ? turns : null;
}

/** {@link trainingTurns} as one line; '' for a chat that is left out. Pure. */
export function toTrainingLine(chat: WholeChat, filters: TrainingFilters): string {
  const messages = trainingTurns(chat, filters);
  return messages === null ? '' : `${JSON.stringify({ messages })}\n`;
}
