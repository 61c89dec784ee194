import type { GgufValue } from './writer.ts';

/** Token kinds of `tokenizer.ggml.token_type` (llama.h, llama_token_type). */
export const TOKEN_TYPES = { normal: 1, unknown: 2, control: 3, userDefined: 4, byte: 6 } as const;

export interface VocabularyToken {
  text: string;
  type: (typeof TOKEN_TYPES)[keyof typeof TOKEN_TYPES];
  /** SentencePiece merge score; the highest merges first. */
  score: number;
}

export const SPECIAL_IDS = { unknown: 0, bos: 1, eos: 2 } as const;
export const TURN_START = '<|im_start|>';
export const TURN_END = '<|im_end|>';

/** SentencePiece writes a space as this character. */
const VISIBLE_SPACE = '\u2581';

/**
 * The tokens every generated model has: unknown, begin, end, the 256 byte tokens (so any text tokenizes), the
 * turn markers and one token for each printable ASCII character.
 */
export function baseVocabulary(): VocabularyToken[] {
  const tokens: VocabularyToken[] = [
    { text: '<unk>', type: TOKEN_TYPES.unknown, score: 0 },
    { text: '<s>', type: TOKEN_TYPES.control, score: 0 },
    { text: '</s>', type: TOKEN_TYPES.control, score: 0 },
  ];
  for (let byte = 0; byte < 256; byte++) {
    const hex = byte.toString(16).toUpperCase().padStart(2, '0');
    tokens.push({ text: `<0x${hex}>`, type: TOKEN_TYPES.byte, score: 0 });
  }
  tokens.push(
    { text: TURN_START, type: TOKEN_TYPES.control, score: 0 },
    { text: TURN_END, type: TOKEN_TYPES.control, score: 0 },
    ...['system', 'user', 'assistant'].map((role) => ({
      text: `<|${role}|>`,
      type: TOKEN_TYPES.control,
      score: 0,
    })),
    { text: VISIBLE_SPACE, type: TOKEN_TYPES.normal, score: -1e4 },
  );
  for (let code = 0x21; code < 0x7f; code++) {
    tokens.push({ text: String.fromCharCode(code), type: TOKEN_TYPES.normal, score: -1e4 - code });
  }
  return tokens;
}

/** Tokenizer metadata of a SentencePiece vocabulary (`tokenizer.ggml.model` = llama). */
export function tokenizerMetadata(
  tokens: readonly VocabularyToken[],
  chatTemplate: string | undefined,
  eosId: number,
): [string, GgufValue][] {
  const entries: [string, GgufValue][] = [
    ['tokenizer.ggml.model', { type: 'string', value: 'llama' }],
    ['tokenizer.ggml.pre', { type: 'string', value: 'default' }],
    ['tokenizer.ggml.tokens', { type: 'array', of: 'string', values: tokens.map((t) => t.text) }],
    ['tokenizer.ggml.scores', { type: 'array', of: 'float32', values: tokens.map((t) => t.score) }],
    ['tokenizer.ggml.token_type', { type: 'array', of: 'int32', values: tokens.map((t) => t.type) }],
    ['tokenizer.ggml.unknown_token_id', { type: 'uint32', value: SPECIAL_IDS.unknown }],
    ['tokenizer.ggml.bos_token_id', { type: 'uint32', value: SPECIAL_IDS.bos }],
    ['tokenizer.ggml.eos_token_id', { type: 'uint32', value: eosId }],
    ['tokenizer.ggml.add_bos_token', { type: 'bool', value: false }],
    ['tokenizer.ggml.add_eos_token', { type: 'bool', value: false }],
    ['tokenizer.ggml.add_space_prefix', { type: 'bool', value: false }],
  ];
  if (chatTemplate !== undefined) {
    entries.push(['tokenizer.chat_template', { type: 'string', value: chatTemplate }]);
  }
  return entries;
}

/** ChatML, as most small instruct models carry it. */
export const CHATML_TEMPLATE = [
  '{% for message in messages %}',
  "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}",
  '{% endfor %}',
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
].join('');

/**
 * A template with a thinking part before the answer. Its turn markers are its own on purpose: node-llama-cpp takes
 * a ChatML template that also thinks for plain ChatML, and then shows the thinking as answer text.
 */
export const REASONING_TEMPLATE = [
  '{% for message in messages %}',
  "{{ '<|' + message['role'] + '|>\\n' }}",
  "{% if message['role'] == 'assistant' and message['reasoning_content'] %}",
  "{{ '<think>\\n' + message['reasoning_content'] + '\\n</think>\\n\\n' }}",
  '{% endif %}',
  "{{ message['content'] + '<|im_end|>\\n' }}",
  '{% endfor %}',
  "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}",
].join('');

/**
 * One that can be told not to think, as Qwen's and DeepSeek's can: its prompt then ends with a thought that is over.
 * Where it is told to, `opensItself` makes it write the opening mark too.
 */
export function switchedTemplate({ opensItself = false } = {}): string {
  return [
    '{% for message in messages %}',
    "{{ '<|' + message['role'] + '|>\\n' }}",
    "{% if message['role'] == 'assistant' and message['reasoning_content'] %}",
    "{{ '<think>' + message['reasoning_content'] + '</think>' }}",
    '{% endif %}',
    "{{ message['content'] + '<|im_end|>\\n' }}",
    '{% endfor %}',
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}",
    "{% if enable_thinking is defined and enable_thinking is false %}{{ '<think></think>' }}",
    opensItself ? "{% else %}{{ '<think>' }}" : '',
    '{% endif %}{% endif %}',
  ].join('');
}
