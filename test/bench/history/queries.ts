import type { SearchFilters } from '../../../src-main/contract/index.ts';
import { Random } from '../../support/gguf/random.ts';
import type { HistoryFacts } from './generate.ts';
import { Texts } from './texts.ts';

/** A third each, 200 in all. */
const COMMON = 67;
const PREFIXES = 67;
const OTHERS = 66;
/** A common word is in more messages than this share of the samples. */
const COMMON_SHARE = 0.1;
const SEED = 7;
const DAY_MS = 86_400_000;

export interface Query {
  kind: 'common' | 'prefix' | 'rare' | 'phrase' | 'filter' | 'none';
  query: string;
  filters: Partial<SearchFilters>;
}

/** Words as the index sees them: letters and digits. */
const wordsOf = (text: string) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/**
 * The published mix, the same for the same history: words of more than a tenth of the messages, beginnings of two
 * and three letters, and the rest: rare words, phrases, filters, words that are nowhere.
 */
export function queryMix(facts: HistoryFacts): Query[] {
  const random = new Random(SEED);
  const pick = <T>(from: readonly T[]): T => {
    const one = from[random.uint32() % from.length];
    if (one === undefined) throw new RangeError('nothing to pick from');
    return one;
  };
  const frequency = new Map<string, number>();
  for (const sample of facts.samples)
    for (const word of new Set(wordsOf(sample))) frequency.set(word, (frequency.get(word) ?? 0) + 1);
  const least = facts.samples.length * COMMON_SHARE;
  const common = [...frequency].filter(([, count]) => count > least).map(([word]) => word);
  const plain = (kind: Query['kind'], query: string): Query => ({ kind, query, filters: {} });
  const longWord = () => {
    for (;;) {
      const word = pick(wordsOf(pick(facts.samples)));
      if (word.length > 3 && word.length < 30) return word;
    }
  };
  const queries: Query[] = [];
  // A space ends the word, so that it is no beginning.
  for (let i = 0; i < COMMON; i++) queries.push(plain('common', `${common[i % common.length] ?? 'the'} `));
  for (let i = 0; i < PREFIXES; i++) queries.push(plain('prefix', longWord().slice(0, 2 + (i % 2))));
  const texts = new Texts(SEED);
  for (let i = 0; i < OTHERS; i++) {
    const kind = (['rare', 'phrase', 'filter', 'rare', 'phrase', 'filter', 'none'] as const)[i % 7] ?? 'rare';
    if (kind === 'rare') queries.push(plain(kind, `${longWord()} ${longWord()}`));
    else if (kind === 'phrase') {
      const words = pick(facts.samples).match(/[\p{L}\p{N}]+(?: [\p{L}\p{N}]+){1,2}/u)?.[0] ?? longWord();
      queries.push(plain(kind, `"${words}"`));
    } else if (kind === 'none') queries.push(plain(kind, `zzqx${texts.words('english', 1)}`));
    else {
      const from = Date.UTC(2024, random.uint32() % 30, 1);
      const filters = pick<Partial<SearchFilters>>([
        { folderId: pick(facts.folderIds) },
        { tagId: pick(facts.tagIds) },
        { modelId: pick(facts.modelIds) },
        { from, to: from + 30 * DAY_MS },
        { role: 'user' },
        { place: 'archive' },
        { conversationId: facts.longId },
      ]);
      queries.push({ kind, query: i % 2 === 0 ? pick(common) : longWord(), filters });
    }
  }
  return queries;
}
