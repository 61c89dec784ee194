import type { Message } from '../../../src-main/contract/index.ts';

/** Whether an answer ended before its time and has something that the model can go on from. */
export function canContinue({ role, status, text, reasoning, stats, errorCode }: Message): boolean {
  if (role !== 'assistant' || (text === '' && reasoning === '')) return false;
  if (status === 'stopped' || status === 'interrupted') return true;
  // Where the context is full there is no room to go on.
  if (status === 'failed') return errorCode !== 'context_full';
  return status === 'complete' && stats?.stopReason === 'max_tokens';
}
