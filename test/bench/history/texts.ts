import { Random } from '../../support/gguf/random.ts';

/** Kinds of the words of each vocabulary; rank r comes about twice as often as rank 2r (Zipf). */
const VOCABULARY = 30_000;
/** Ranks drawn once, so that a word costs one look-up. A power of two. */
const DRAWN_RANKS = 1 << 17;

type Script = 'english' | 'german' | 'russian' | 'arabic' | 'chinese';

const COMMON_ENGLISH =
  'the of and to in is you that it for was on are as with this be at have from or one had by not but what all were when we there can an your which their if will each about how up out them then she many some so these would other into has more two like him see time could no make than first been its who now people my made over did down only way find use may long little very after words called just where most know';
const COMMON_GERMAN =
  'der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis mehr durch man sein wurde sei';
const COMMON_RUSSIAN =
  'и в не на я что он с как это по но они мы к у вы за бы так от же все она для мне было то о из его только еще меня если или уже был до когда да ни';
const COMMON_ARABIC =
  'في من على أن إلى هذا التي الذي عن مع كان هو هذه لا ما ذلك بعد كل قد بين أو هي غير كما لم';

const SYLLABLES: Record<Exclude<Script, 'chinese'>, readonly string[]> = {
  english: 'ba co di fe gu la mi no pra que ri sto ta un ver wi ex yo en ing er tion al th st sh in re de ment ou'.split(' '),
  german: 'ver ge be schl ung heit keit lich ein aus ab an über un ent zer stra büro haus werk tag mön grö fäl zeit ler nen ster der kraft'.split(' '),
  russian: 'пра сто ре ко на по ли ва ны ти ск ово при об раз ста вер ни ло ме ду го че ша щи ение ость ами'.split(' '),
  arabic: 'كت با مد رس عل يم حا سو بر نا مج قر ءا شم سف ين ات ون است مت مع لة ال'.split(' '),
}; // prettier-ignore
const COMMON: Record<Exclude<Script, 'chinese'>, string> = {
  english: COMMON_ENGLISH,
  german: COMMON_GERMAN,
  russian: COMMON_RUSSIAN,
  arabic: COMMON_ARABIC,
};
/** Shares of the chats in hundredths; the last takes the rest. */
const SHARES: readonly [Script, number][] = [
  ['german', 9],
  ['russian', 7],
  ['arabic', 6],
  ['chinese', 8],
  ['english', 100],
];
const CJK_FIRST = 0x4e00;
const CJK_COUNT = 3_000;

/** Texts with the word frequencies of people's, in several scripts, for a seed. */
export class Texts {
  readonly random: Random;
  readonly #ranks = new Uint16Array(DRAWN_RANKS);
  readonly #words = new Map<Script, readonly string[]>();

  constructor(seed: number) {
    this.random = new Random(seed);
    const logarithm = Math.log(VOCABULARY);
    for (let i = 0; i < DRAWN_RANKS; i++)
      this.#ranks[i] = Math.min(VOCABULARY - 1, Math.floor(Math.exp(this.random.uniform() * logarithm)) - 1);
    for (const script of ['english', 'german', 'russian', 'arabic'] as const)
      this.#words.set(script, this.#vocabulary(script));
    const signs = Array.from({ length: CJK_COUNT }, (_, i) => String.fromCodePoint(CJK_FIRST + i * 5));
    this.#words.set(
      'chinese',
      Array.from({ length: VOCABULARY }, (_, i) => signs[i % CJK_COUNT] ?? ''),
    );
  }

  #vocabulary(script: Exclude<Script, 'chinese'>): readonly string[] {
    const words = new Set(COMMON[script].split(' '));
    const syllables = SYLLABLES[script];
    while (words.size < VOCABULARY) {
      let word = '';
      const count = 2 + (this.random.uint32() % 3);
      for (let i = 0; i < count; i++) word += syllables[this.random.uint32() % syllables.length] ?? '';
      words.add(word);
    }
    return [...words];
  }

  /** The language of a chat. */
  script(): Script {
    let at = this.random.uint32() % 100;
    for (const [script, share] of SHARES) {
      if (at < share) return script;
      at -= share;
    }
    return 'english';
  }

  word(script: Script): string {
    const rank = this.#ranks[this.random.uint32() & (DRAWN_RANKS - 1)] ?? 0;
    return this.#words.get(script)?.[rank] ?? '';
  }

  /** The word of a rank, 0 the most common. */
  wordAt(script: Script, rank: number): string {
    return this.#words.get(script)?.[rank] ?? '';
  }

  words(script: Script, count: number): string {
    const between = script === 'chinese' ? '' : ' ';
    let text = this.word(script);
    for (let i = 1; i < count; i++) text += (i % 14 === 13 ? '.' : '') + between + this.word(script);
    return text;
  }

  /** An answer: paragraphs, now and then a list or code. */
  answer(script: Script, words: number): string {
    const form = this.random.uint32() % 20;
    if (form < 3)
      return `${this.words(script, words >> 1)}\n\n${this.#code()}\n\n${this.words(script, words >> 1)}`;
    if (form < 5) {
      const items = Array.from({ length: 4 }, () => `- ${this.words(script, 1 + (words >> 3))}`);
      return `${this.words(script, words >> 1)}\n\n${items.join('\n')}`;
    }
    const first = words >> 1;
    return `${this.words(script, Math.max(1, first))}\n\n${this.words(script, words - first || 1)}`;
  }

  #code(): string {
    const name = () => this.word('english');
    return [
      '```python',
      `def ${name()}_${name()}(${name()}: int) -> int:`,
      `    ${name()} = [${name()} for ${name()} in range(${this.random.uint32() % 100})]`,
      `    return sum(${name()})`,
      '```',
    ].join('\n');
  }
}
