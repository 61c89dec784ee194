// Chats of LM Studio (`~/.lmstudio/conversations/**/*.conversation.json`) in miniature, written by hand. Places with
// versions and `currentlySelected`, steps of content blocks, the system prompt among the fields of
// `perChatPredictionConfig`, `lastUsedModel`: script.js of YorkieDev/lm-studio-conversation-converter. Blocks in the
// style `thinking`, names of files, times in ms: README.md of ChrystianSchutz/ThreadShelf; versions and steps also in
// lm-studio-chat-json-to-markdown.js of d9k/d9k-scripts. None is code of ours; LM Studio publishes no format.
const text = (value: string, more: object = {}) => ({ type: 'text', text: value, ...more });
const user = (...content: object[]) => ({ type: 'singleStep', role: 'user', content });
const block = (content: object[], more: object = {}) => ({
  type: 'contentBlock',
  stepIdentifier: '1756219403500-0.4711',
  content,
  defaultShouldIncludeInContext: true,
  shouldIncludeInContext: true,
  ...more,
});
const answer = (steps: object[], senderName = 'qwen3-4b') => ({
  type: 'multiStep',
  role: 'assistant',
  senderInfo: { senderName },
  steps,
});

/** Two versions of the last answer, the first of which is shown; thoughts, a tool, a picture. */
export const lmStudioChat = {
  name: 'Knots',
  pinned: true,
  createdAt: 1_756_219_403_097,
  preset: '',
  tokenCount: 120,
  userLastMessagedAt: 1_756_219_500_000,
  assistantLastMessagedAt: 1_756_219_505_000,
  systemPrompt: '',
  usePerChatPredictionConfig: true,
  perChatPredictionConfig: {
    fields: [
      { key: 'llm.prediction.temperature', value: 0.7 },
      { key: 'llm.prediction.systemPrompt', value: 'You tie knots.' },
    ],
  },
  lastUsedModel: { identifier: 'qwen3-4b', indexedModelIdentifier: 'qwen/qwen3-4b/q4.gguf' },
  messages: [
    {
      versions: [
        user(text('Which knot for a cleat?')),
        user(text('Which knot?'), { type: 'file', fileIdentifier: '1 - 2.jpg', fileType: 'image' }),
      ],
      currentlySelected: 0,
    },
    {
      versions: [
        answer([
          block([text('<think>', { isStructural: true }), text('Boats.')], { style: { type: 'thinking' } }),
          block([{ type: 'toolCallRequest', name: 'look_up', parameters: {} }]),
          { type: 'toolStatus', stepIdentifier: '1756219403600-0.1' },
          block([text('A cleat ', { fromDraftModel: true }), text('hitch.', { fromDraftModel: false })]),
        ]),
      ],
      currentlySelected: 0,
    },
    { versions: [user(text('And for a pole?'))], currentlySelected: 0 },
    {
      versions: [
        answer([
          block([text('<think>Round.</think>\n\nA clove hitch.')], {
            genInfo: { identifier: 'qwen3-4b', stats: { stopReason: 'userStopped' } },
          }),
        ]),
        answer([block([text('Two half hitches.')])], 'gemma-3-1b'),
      ],
      currentlySelected: 0,
    },
  ],
  notes: [],
  plugins: [],
};
