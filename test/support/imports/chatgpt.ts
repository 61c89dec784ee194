// A data export of ChatGPT (`conversations.json`) in miniature, written by hand. Form of the tree, of the root without
// a message, of hidden and of system messages: docs/chatgpt-data-export-format.md of mitkury/chatgpt-export-parser.
// Content types `text`, `multimodal_text`, `code`, `thoughts`, recipients of tool calls: josephjohncox/chatgpt-json-to-md
// (README, "Supported JSON Formats"). Neither is code of ours; ChatGPT publishes no format.
const node = (id: string, parent: string | null, children: string[], message: object | null) => ({
  id,
  parent,
  children,
  message,
});
const message = (role: string, content: object, more: object = {}) => ({
  id: 'm',
  author: { role, name: null, metadata: {} },
  content,
  status: 'finished_successfully',
  end_turn: true,
  weight: 1,
  recipient: 'all',
  metadata: {},
  ...more,
});
const text = (...parts: unknown[]) => ({ content_type: 'text', parts });

export const chatGptExport = [
  {
    title: 'Tide tables',
    create_time: 1_712_345_678.5,
    update_time: 1_712_345_999.25,
    conversation_id: '6b1d3f00-0000-4000-8000-000000000001',
    id: '6b1d3f00-0000-4000-8000-000000000001',
    current_node: 'a2',
    is_archived: true,
    moderation_results: [],
    mapping: {
      root: node('root', null, ['sys'], null),
      sys: node('sys', 'root', ['me'], message('system', text(''))),
      me: node('me', 'sys', ['u1'], {
        ...message('user', { content_type: 'user_editable_context', user_instructions: 'Answer in metres.' }),
        metadata: { is_user_system_message: true, is_visually_hidden_from_conversation: true },
      }),
      u1: node(
        'u1',
        'me',
        ['a1', 't1'],
        message('user', text('When is low water?'), { create_time: 1_712_345_680 }),
      ),
      a1: node(
        'a1',
        'u1',
        [],
        message('assistant', text('At 10:52.'), {
          create_time: 1_712_345_690,
          metadata: { model_slug: 'gpt-4' },
        }),
      ),
      t1: node(
        't1',
        'u1',
        ['call'],
        message('assistant', {
          content_type: 'thoughts',
          thoughts: [{ summary: 'Tides', content: 'Look it up.' }],
        }),
      ),
      call: node(
        'call',
        't1',
        ['tool'],
        message(
          'assistant',
          { content_type: 'code', language: 'python', text: 'tides()' },
          { recipient: 'python' },
        ),
      ),
      tool: node('tool', 'call', ['a2'], message('tool', text('10:54'))),
      a2: node(
        'a2',
        'tool',
        [],
        message('assistant', text('At 10:54, **UTC**.'), {
          create_time: 1_712_345_999,
          metadata: { model_slug: 'o3' },
        }),
      ),
    },
  },
  {
    title: null,
    create_time: 1_700_000_000,
    update_time: null,
    conversation_id: '6b1d3f00-0000-4000-8000-000000000002',
    current_node: 'x2',
    mapping: {
      x1: node(
        'x1',
        null,
        ['x2'],
        message('user', {
          content_type: 'multimodal_text',
          parts: [
            { content_type: 'image_asset_pointer', asset_pointer: 'file-service://x' },
            'What is this?',
          ],
        }),
      ),
      x2: node(
        'x2',
        'x1',
        [],
        message('assistant', { content_type: 'code', language: 'sql', text: 'SELECT 1' }),
      ),
    },
  },
  { title: 'Nothing in it', create_time: 1, mapping: {}, conversation_id: 'c3', current_node: 'gone' },
  { what: 'no chat' },
];
