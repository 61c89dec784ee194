import { describe, expect, it } from 'vitest';
import type { Message } from '../../src-main/contract/index.ts';
import { branchOf, siblingOf } from '../../src-renderer/state/branch.ts';

const message = (id: string, parentId: string | null, role: Message['role']): Message => ({
  id,
  conversationId: 'c',
  parentId,
  role,
  text: id,
  reasoning: '',
  status: 'complete',
  errorCode: null,
  errorDetails: null,
  modelId: null,
  modelName: null,
  quant: null,
  createdAt: 0,
  stats: null,
  settings: null,
  thought: null,
  attachments: [],
  pinned: false,
  edited: false,
  prefixLength: 0,
  chunkSeq: 0,
});

const tree = [
  message('u1', null, 'user'),
  message('a1', 'u1', 'assistant'),
  message('a2', 'u1', 'assistant'),
  message('u2', 'a1', 'user'),
  message('a3', 'u2', 'assistant'),
];
const ids = (leaf: string | null, messages = tree) => branchOf(messages, leaf).map((turn) => turn.message.id);

describe('branchOf', () => {
  it('walks from the leaf to the root', () => {
    expect(ids('a3')).toEqual(['u1', 'a1', 'u2', 'a3']);
    expect(ids('a2')).toEqual(['u1', 'a2']);
  });

  it('numbers the versions of a turn, oldest first', () => {
    const turn = branchOf(tree, 'a2')[1];
    expect(turn?.siblings.map((sibling) => sibling.id)).toEqual(['a1', 'a2']);
    expect(turn?.index).toBe(1);
    expect(turn && siblingOf(turn, -1)?.id).toBe('a1');
    expect(turn && siblingOf(turn, 1)).toBeNull();
  });

  it('falls back to the newest message without a known leaf', () => {
    expect(ids(null)).toEqual(['u1', 'a1', 'u2', 'a3']);
    expect(ids('gone')).toEqual(['u1', 'a1', 'u2', 'a3']);
    expect(ids(null, [])).toEqual([]);
  });

  it('ends on a cycle instead of walking for ever', () => {
    expect(ids('x', [message('x', 'y', 'user'), message('y', 'x', 'assistant')])).toEqual(['y', 'x']);
  });
});
