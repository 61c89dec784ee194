import { describe, expect, it, vi } from 'vitest';
import { appError, type AppClient, type Message } from '../../src-main/contract/index.ts';
import { TurnActions } from '../../src-renderer/state/turn-actions.svelte.ts';

function actions(answering: Message | null = null) {
  const started = { userMessageId: 'u', assistantMessageId: 'a' };
  const tree = {
    editQuestion: vi.fn(async (_input: { requestId: string; messageId: string; text: string }) => started),
    beginWith: vi.fn(async (_input: { text: string }) => started),
    saveVersion: vi.fn(async (_input: { text: string }) => ({ messageId: 'n' })),
    continueAnswer: vi.fn(async () => started),
    removeBranch: vi.fn(async () => ({ removedCount: 3, shownLeafId: 'leaf' })),
    restoreBranch: vi.fn(async () => {}),
    fork: vi.fn(async (_input: { conversationId: string }) => {}),
    edits: vi.fn(async () => [
      { messageId: 'q', kind: 'question', text: 'Typed before' },
      { messageId: 'a', kind: 'beginning', text: 'Well,' },
    ]),
    saveEdit: vi.fn(async (_input: { messageId: string }) => {}),
  };
  const client = { tree } as unknown as AppClient;
  const refresh = vi.fn(async () => {});
  return { tree, refresh, turns: new TurnActions(client, { id: 'c', answering, refresh }) };
}
const question = { id: 'q', role: 'user', text: 'Old' } as const;
const answer = { id: 'a', role: 'assistant', text: 'Said' } as const;

describe('editing a turn', () => {
  it('asks again for a question, and lets go of the text once it is saved', async () => {
    const { tree, turns, refresh } = actions();
    turns.edit(question);
    expect(turns.edits.get('q')).toEqual({ kind: 'question', text: 'Old' });
    turns.change('q', 'New');
    await turns.submit('q');
    expect(tree.editQuestion.mock.lastCall?.[0]).toMatchObject({ messageId: 'q', text: 'New' });
    expect(turns.edits.size).toBe(0);
    expect(refresh).toHaveBeenCalledTimes(1);
    expect(turns.begun).toBe(1);
  });

  it('saves what was typed before it is sent, never behind it', async () => {
    const { tree, turns } = actions();
    turns.edit(question);
    turns.change('q', 'New');
    await turns.submit('q');
    turns.edit(answer);
    turns.change('a', 'Mine');
    await turns.save('a');
    const [typed, mine] = tree.saveEdit.mock.invocationCallOrder;
    expect(typed).toBeLessThan(tree.editQuestion.mock.invocationCallOrder[0] ?? 0);
    expect(mine).toBeDefined();
    expect(tree.saveEdit.mock.calls.flatMap(([input]) => [input])).toContainEqual({
      messageId: 'a',
      edit: { kind: 'answer', text: 'Mine' },
    });
  });

  it('keeps what was typed when saving fails', async () => {
    const { tree, turns } = actions();
    tree.editQuestion.mockRejectedValueOnce(appError('disk_full'));
    turns.edit(question);
    turns.change('q', 'New');
    await expect(turns.submit('q')).rejects.toMatchObject({ code: 'disk_full' });
    expect(turns.edits.get('q')?.text).toBe('New');
    await turns.submit('q');
    expect(tree.editQuestion).toHaveBeenCalledTimes(2);
  });

  it('saves an answer without asking, also while another is being written', async () => {
    const { tree, turns } = actions({} as Message);
    turns.edit(answer);
    turns.change('a', 'Mine');
    await turns.submit('a');
    expect(tree.saveVersion.mock.lastCall?.[0]).toMatchObject({ text: 'Mine' });
    turns.edit(question);
    await turns.submit('q');
    expect(tree.editQuestion).not.toHaveBeenCalled();
    expect(turns.edits.get('q')?.text).toBe('Old');
  });

  it('keeps what is typed when the same editor is asked for again', () => {
    const { turns } = actions();
    turns.edit(question);
    turns.change('q', 'Typed');
    turns.edit(question);
    turns.typeBeginning('q');
    expect(turns.edits.get('q')).toEqual({ kind: 'question', text: 'Typed' });
    turns.cancel('q');
    turns.typeBeginning('q');
    turns.change('q', 'Once');
    turns.typeBeginning('q');
    expect(turns.edits.get('q')?.text).toBe('Once');
  });

  it('saves one version however often it is asked, and can save again after a failure', async () => {
    const { tree, turns } = actions();
    turns.edit(answer);
    tree.saveVersion.mockRejectedValueOnce(appError('disk_full'));
    await expect(turns.save('a')).rejects.toMatchObject({ code: 'disk_full' });
    await Promise.all([turns.save('a'), turns.save('a'), turns.submit('a')]);
    expect(tree.saveVersion).toHaveBeenCalledTimes(2);
  });

  it('does nothing with nothing', async () => {
    const { tree, turns } = actions();
    turns.typeBeginning('a');
    turns.change('a', '  ');
    await turns.submit('a');
    await turns.save('a');
    expect(tree.beginWith).not.toHaveBeenCalled();
    expect(tree.saveVersion).not.toHaveBeenCalled();
    turns.change('gone', 'x');
    expect(turns.edits.has('gone')).toBe(false);
  });
});

it('begins one answer however often it is asked', async () => {
  const { tree, turns } = actions();
  await Promise.all([turns.continueAnswer('a'), turns.continueAnswer('a')]);
  expect(tree.continueAnswer).toHaveBeenCalledTimes(1);
});

it('gives the way back with a removed branch, and forks under an id of its own', async () => {
  const { tree, turns } = actions();
  const { count, undo } = await turns.removeBranch('q');
  expect(count).toBe(3);
  await undo();
  expect(tree.restoreBranch).toHaveBeenCalledWith({ messageId: 'q', shownLeafId: 'leaf' });
  const id = await turns.fork('q', 'Title (fork)');
  expect(tree.fork).toHaveBeenCalledWith({ messageId: 'q', conversationId: id, title: 'Title (fork)' });
});

describe('what is typed at turns', () => {
  it('is saved once typing pauses, and taken off when the editor closes', async () => {
    vi.useFakeTimers();
    const { tree, turns } = actions();
    turns.edit(question);
    turns.change('q', 'N');
    turns.change('q', 'New');
    expect(tree.saveEdit).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(500);
    expect(tree.saveEdit.mock.calls).toEqual([[{ messageId: 'q', edit: { kind: 'question', text: 'New' } }]]);
    turns.cancel('q');
    tree.saveEdit.mockRejectedValueOnce(appError('disk_full'));
    await turns.edits.flush();
    // What could not be saved is tried again.
    await turns.edits.flush();
    expect(tree.saveEdit.mock.calls.slice(1)).toEqual([
      [{ messageId: 'q', edit: null }],
      [{ messageId: 'q', edit: null }],
    ]);
    vi.useRealTimers();
  });

  it('is there again in a page that is loaded anew, once, and never over what is typed now', async () => {
    const { tree, turns } = actions();
    turns.edit(question);
    tree.edits.mockRejectedValueOnce(appError('connection_lost'));
    await turns.edits.restore('c');
    await turns.edits.restore('c');
    await turns.edits.restore('c');
    expect(tree.edits).toHaveBeenCalledTimes(2);
    expect(turns.edits.get('q')).toEqual({ kind: 'question', text: 'Old' });
    expect(turns.edits.get('a')).toEqual({ kind: 'beginning', text: 'Well,', restored: true });
    await turns.edits.flush();
    expect(tree.saveEdit).toHaveBeenCalledTimes(1);
  });
});
