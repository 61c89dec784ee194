// A data export of Claude (`conversations.json`) in miniature, written by hand. Order of `chat_messages`, senders,
// blocks `text`, `tool_use` and `tool_result`, attachments with their text: docs/providers/claude-ai.md of
// Sinity/polylogue. Branches (`parent_message_uuid`, a first parent that is no message, `current_leaf_message_uuid`):
// the readers of socketteer/Claude-Conversation-Exporter. Neither is code of ours; Claude publishes no format.
const at = (minute: number) => `2026-01-02T03:${String(minute).padStart(2, '0')}:05.123456Z`;
const NO_MESSAGE = '00000000-0000-4000-8000-000000000000';

export const claudeExport = [
  {
    uuid: 'cc-1',
    name: 'Session cookies',
    created_at: at(0),
    updated_at: at(9),
    account: { uuid: 'someone' },
    chat_messages: [
      {
        uuid: 'h1',
        sender: 'human',
        text: 'Are cookies safe?',
        content: [{ type: 'text', text: 'Are cookies safe?' }],
        created_at: at(1),
        attachments: [
          { file_name: 'notes.txt', file_size: 5, file_type: 'txt', extracted_content: 'My notes.' },
        ],
        files: [{ file_name: 'photo.png' }],
      },
      {
        uuid: 'a1',
        sender: 'assistant',
        text: 'Mostly.',
        content: [
          { type: 'thinking', thinking: 'Consider flags.' },
          { type: 'tool_use', name: 'search', input: {} },
          { type: 'text', text: 'Mostly.' },
        ],
        created_at: at(2),
        attachments: [],
        files: [],
      },
    ],
  },
  {
    uuid: 'cc-2',
    name: '',
    created_at: at(10),
    updated_at: at(19),
    current_leaf_message_uuid: 'b3',
    chat_messages: [
      {
        uuid: 'b1',
        sender: 'human',
        text: 'One word for sea?',
        created_at: at(11),
        parent_message_uuid: NO_MESSAGE,
      },
      { uuid: 'b2', sender: 'assistant', text: 'Ocean.', created_at: at(12), parent_message_uuid: 'b1' },
      { uuid: 'b3', sender: 'assistant', text: 'Main.', created_at: at(13), parent_message_uuid: 'b1' },
    ],
  },
];
