import type { LlamaModel, Token, Tokenizer } from 'node-llama-cpp';

/**
 * What is remembered takes at most so many bytes: some chats that fill a usual context, or one of a hundred thousand
 * tokens and more. One that is larger than all that is kept would find nothing of itself the next time.
 */
const MAX_BYTES = 4 * 1024 * 1024;
/** In V8's heap, of a UTF-16 unit outside of Latin script, */
const BYTES_PER_UNIT = 2;
/** of a token, */
const BYTES_PER_TOKEN = 8;
/** and of the string, the array and their place in the map. */
const BYTES_PER_TEXT = 150;

type Text = [text: string, specialTokens?: boolean, options?: 'trimLeadingSpace'];
type Builtin = Parameters<Tokenizer>;

/** What remembering a text takes, in bytes, at the most. Pure. */
export function rememberedBytes(key: string, tokens: readonly Token[]): number {
  return BYTES_PER_TEXT + key.length * BYTES_PER_UNIT + tokens.length * BYTES_PER_TOKEN;
}

/**
 * A tokenizer that remembers texts: each prompt is tokenized by us and again by the library, and all of it but the last
 * message was in the prompt before.
 * @param maxBytes of all that is remembered
 */
export function rememberingTokenizer(tokenizer: Tokenizer, maxBytes = MAX_BYTES): Tokenizer {
  /** Least recently used first. */
  const known = new Map<string, readonly Token[]>();
  let bytes = 0;

  function forget(key: string): void {
    const tokens = known.get(key);
    if (!tokens) return;
    known.delete(key);
    bytes -= rememberedBytes(key, tokens);
  }

  function tokenize(...args: Text): Token[];
  function tokenize(...args: Builtin): Token[];
  function tokenize(...args: Text | Builtin): Token[] {
    if (args[1] === 'builtin') return tokenizer(args[0], args[1]);
    const [text, specialTokens = false, options] = args;
    const key = `${specialTokens ? 1 : 0}${options === undefined ? 0 : 1}${text}`;
    // A copy has no room to grow, as the library's own array has.
    const tokens = known.get(key) ?? [...tokenizer(text, specialTokens, options)];
    forget(key);
    const needed = rememberedBytes(key, tokens);
    if (needed > maxBytes) return [...tokens];
    for (const oldest of known.keys()) {
      if (bytes + needed <= maxBytes) break;
      forget(oldest);
    }
    known.set(key, tokens);
    bytes += needed;
    return [...tokens];
  }

  const { detokenize, isSpecialToken, isEogToken } = tokenizer;
  return Object.assign(tokenize, { detokenize, isSpecialToken, isEogToken });
}

/** Lets a model remember what it tokenized, for as long as it is in memory: the library asks its property, too. */
export function rememberTokens(model: LlamaModel): void {
  Object.defineProperty(model, 'tokenizer', { value: rememberingTokenizer(model.tokenizer) });
}
