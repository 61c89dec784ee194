import type { LlamaModel, Token, Tokenizer } from 'node-llama-cpp';

/** UTF-16 units of the texts that are remembered: some chats that fill a usual context, in a few megabytes. */
const MAX_UNITS = 1_000_000;

type Text = [text: string, specialTokens?: boolean, options?: 'trimLeadingSpace'];
type Builtin = Parameters<Tokenizer>;

/**
 * A tokenizer that remembers texts: each prompt is tokenized by us and again by the library, and all of it but the last
 * message was in the prompt before.
 * @param maxUnits of all texts that are remembered, in UTF-16 units
 */
export function rememberingTokenizer(tokenizer: Tokenizer, maxUnits = MAX_UNITS): Tokenizer {
  /** Least recently used first. */
  const known = new Map<string, readonly Token[]>();
  let units = 0;

  function forget(key: string): void {
    if (known.delete(key)) units -= key.length;
  }

  function tokenize(...args: Text): Token[];
  function tokenize(...args: Builtin): Token[];
  function tokenize(...args: Text | Builtin): Token[] {
    if (args[1] === 'builtin') return tokenizer(args[0], args[1]);
    const [text, specialTokens = false, options] = args;
    const key = `${specialTokens ? 1 : 0}${options === undefined ? 0 : 1}${text}`;
    const tokens = known.get(key) ?? tokenizer(text, specialTokens, options);
    forget(key);
    if (key.length > maxUnits) return [...tokens];
    for (const oldest of known.keys()) {
      if (units + key.length <= maxUnits) break;
      forget(oldest);
    }
    known.set(key, tokens);
    units += key.length;
    return [...tokens];
  }

  const { detokenize, isSpecialToken, isEogToken } = tokenizer;
  return Object.assign(tokenize, { detokenize, isSpecialToken, isEogToken });
}

/** Lets a model remember what it tokenized, for as long as it is in memory: the library asks its property, too. */
export function rememberTokens(model: LlamaModel): void {
  Object.defineProperty(model, 'tokenizer', { value: rememberingTokenizer(model.tokenizer) });
}
