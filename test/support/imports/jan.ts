// Chats of Jan (`threads/<id>/thread.json` and `messages.jsonl`) in miniature, written by hand. Both files, their
// fields, parts of kind `text`, `reasoning`, `tool_call` and `image_url`: janhq/jan, core/src/types/thread/threadEntity.ts
// and core/src/types/message/messageEntity.ts; branches (`parentId`, `activeChildId`): its
// web-app/src/lib/message-branching.ts; its own export: web-app/src/lib/export-conversation.ts. Read by another
// program from folders as these: adapters/jan/adapter.ts of byteowlz/hstry. None is code of ours.
const message = (id: string, role: string, content: object[], more: object = {}) => ({
  id,
  object: 'thread.message',
  thread_id: 'jan_1719000000',
  assistant_id: 'jan',
  role,
  content,
  status: 'ready',
  created_at: 1_719_000_100,
  completed_at: 1_719_000_100,
  metadata: {},
  ...more,
});
const part = (value: string, type = 'text') => ({ type, text: { value, annotations: [] } });

export const janThread = {
  id: 'jan_1719000000',
  object: 'thread',
  title: 'Bees',
  assistants: [
    {
      assistant_id: 'jan',
      assistant_name: 'Jan',
      instructions: 'You keep bees.',
      model: { id: 'llama3.2-3b-instruct', engine: 'llamacpp' },
    },
  ],
  created: 1_719_000_500,
  updated: 1_719_000_900,
  metadata: { is_favorite: true },
};

/** As older versions wrote them: one line of messages, thoughts within the text. */
export const janMessages = [
  message('m1', 'user', [part('Do bees sleep?')]),
  message('m2', 'assistant', [part('<think>\nInsects.\n</think>\nThey do.')], {
    created_at: 1_719_000_101_500,
    status: 'stopped',
  }),
  message('m3', 'tool', [part('{}')]),
  message(
    'm4',
    'user',
    [part('How long?'), { type: 'image_url', image_url: { url: 'data:image/png;base64,' } }],
    {
      metadata: { inline_file_contents: [{ name: 'hive.txt', content: 'Hive 7.' }] },
    },
  ),
  message('m5', 'assistant', [
    part('Five to eight hours.', 'reasoning'),
    { type: 'tool_call', tool_call_id: 't', tool_name: 'look_up', input: {}, output: '' },
    part('Up to eight hours.'),
  ]),
];

const linked = (parentId: string | null, more: object = {}) => ({ metadata: { parentId, ...more } });
const other = { thread_id: '01J0BRANCHES' };

export const janBranchedThread = {
  id: '01J0BRANCHES',
  object: 'thread',
  title: 'Wax',
  assistants: [],
  created: 1_750_000_000,
};

/** As newer versions write them: each linked to the one before, an answer that lost its link. */
export const janBranchedMessages = [
  message('b1', 'user', [part('What is wax?')], { ...other, ...linked(null, { activeChildId: 'b2' }) }),
  message('b2', 'assistant', [part('A lipid.')], { ...other, ...linked('b1') }),
  message('b3', 'assistant', [part('Bee-made.')], { ...other, ...linked('b1') }),
  message('b4', 'user', [part('More?')], { ...other, ...linked('b2') }),
  message('b5', 'assistant', [part('It melts at 63 °C.')], { ...other, metadata: {} }),
];

/** What its menu exports. */
export const janExportFile = {
  title: 'Honey',
  exported_at: '2026-01-02T03:04:05.000Z',
  messages: [
    { id: 'e1', role: 'user', content: [part('Does honey spoil?')], created_at: 1_760_000_000, metadata: {} },
    { id: 'e2', role: 'assistant', content: [part('Hardly.')], created_at: 1_760_000_001, metadata: {} },
  ],
};

/** Lines of a `messages.jsonl`. */
export const linesOf = (messages: readonly object[]): string =>
  messages.map((one) => `${JSON.stringify(one)}\n`).join('');
