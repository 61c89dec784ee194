import { createHash } from 'node:crypto';

/** `tokenizer.ggml.token_type` of rows that only fill the table up to a round number. */
const UNUSED = 5;

/** What a header says of a model's tokens. */
export interface VocabularyFacts {
  /** `tokenizer.ggml.model`: how text is cut. */
  tokenizer: unknown;
  tokens: unknown;
  tokenTypes: unknown;
}

/**
 * The same for two models whose tokens mean the same, so that one can guess what the other will say; null when the
 * header names no tokens. Rows at the end that are never used differ between sizes of one model. Pure.
 */
export function vocabularyKey({ tokenizer, tokens, tokenTypes }: VocabularyFacts): string | null {
  if (!Array.isArray(tokens) || tokens.length === 0) return null;
  const types: unknown[] = Array.isArray(tokenTypes) ? tokenTypes : [];
  let used = tokens.length;
  while (used > 0 && Number(types[used - 1]) === UNUSED) used -= 1;
  const hash = createHash('sha256').update(`${String(tokenizer)}\n`);
  for (const token of tokens.slice(0, used)) hash.update(`${String(token)}\0`);
  return hash.digest('base64url');
}
