// "Export chats" of Open WebUI in miniature, written by hand after its own source: a list of chats, each with
// `chat.history.messages` by id and `currentId` (open-webui/open-webui, src/lib/components/chat and its docs).
export const openWebUiExport = [
  {
    id: 'ow-1',
    user_id: 'someone',
    title: 'Bread',
    archived: false,
    created_at: 1_720_000_000,
    updated_at: 1_720_000_100,
    chat: {
      title: 'Bread',
      models: ['llama3.1:8b'],
      system: 'You bake.',
      history: {
        currentId: 'o3',
        messages: {
          o1: {
            id: 'o1',
            parentId: null,
            childrenIds: ['o2', 'o3'],
            role: 'user',
            content: 'How long?',
            timestamp: 1_720_000_010,
          },
          o2: {
            id: 'o2',
            parentId: 'o1',
            childrenIds: [],
            role: 'assistant',
            content: 'An hour.',
            model: 'llama3.1:8b',
            timestamp: 1_720_000_020,
          },
          o3: {
            id: 'o3',
            parentId: 'o1',
            childrenIds: [],
            role: 'assistant',
            content:
              '<details type="reasoning" done="true" duration="2">\n<summary>Thought for 2 seconds</summary>\n> Crust.\n</details>\n50 minutes.',
            model: 'llama3.1:8b',
            timestamp: 1_720_000_030,
          },
        },
      },
    },
  },
];
