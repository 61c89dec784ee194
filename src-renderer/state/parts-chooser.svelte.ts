import {
  placesText,
  type AppClient,
  type NewAttachment,
  type TextPart,
} from '../../src-main/contract/index.ts';
import {
  joined,
  parseRanges,
  partsOfRanges,
  rangeOf,
  unitStarts,
  without,
  type NumberRange,
} from '../lib/attachments/part-ranges.ts';
import { passagesOf } from '../lib/attachments/passages.ts';
import { hasWords, PassageIndex, type Hit } from '../lib/attachments/rank.ts';

/** Hits that are listed: what somebody looks through. They are counted in one call. */
export const SHOWN_HITS = 30;
/** More are seldom to the point, and each takes time to read. */
const MAX_BEST = 8;
/** Without a count so many fit into any context. */
const BEST_UNCOUNTED = 3;
/** Of the best hit's score: what is below has little to do with the question. */
const BEST_SHARE = 0.3;
/** The mark of a part in the prompt, at most, and what is said of the file around its parts. */
const MARK_TOKENS = 12;
const HEAD_TOKENS = 48;
/** A pause in choosing that is worth a count, ms. */
const COUNT_DELAY_MS = 150;

type PreviewInput = Parameters<AppClient['context']['preview']>[0];

/** The send that the file is to go with. */
export type SendOf = (attachments: NewAttachment[]) => PreviewInput;

export interface ChooserOptions {
  readonly file: NewAttachment;
  /** All files of the message, this one among them. */
  readonly files: readonly NewAttachment[];
  readonly question: string;
  readonly sendOf: SendOf;
}

/** What is free for the file, by the loaded model's counts. */
export interface Room {
  readonly freeTokens: number;
  /** Of what is chosen; null: too long to be counted. */
  readonly usedTokens: number | null;
  readonly fits: boolean;
  /** Old messages that would be left out for it. */
  readonly leftOut: number;
}

/** How one file's parts are chosen, while the dialog is open. */
export class PartsChooser {
  readonly file: NewAttachment;
  readonly passages: readonly TextPart[];
  /** What is listed to choose from by hand: pages, or passages of a text without pages. */
  readonly rows: readonly TextPart[];
  /** Where pages, or lines, begin. */
  readonly starts: readonly number[];
  mode = $state<'match' | 'hand'>('match');
  question = $state('');
  /** Pages or lines as typed. */
  ranges = $state('');
  rangesProblem = $state<'form' | 'beyond' | null>(null);
  chosen = $state.raw<readonly TextPart[]>([]);
  /** null while the file is being read. */
  hits = $state.raw<readonly Hit[] | null>(null);
  /** Matching parts were there, and none was small enough. */
  noneFits = $state(false);
  /** By the place of the passage. */
  tokens = $state.raw<ReadonlyMap<number, number>>(new Map());
  /** null while it is not known: no model is loaded, or it is being counted. */
  room = $state.raw<Room | null>(null);
  isCounting = $state(false);
  /** Of the whole file; null: not known yet, or too long to be counted. */
  wholeTokens = $state<number | 'too_long' | null>(null);
  /** The place in the text that is to be shown; `focus`: and to have the focus. */
  wanted = $state.raw<{ readonly place: number; readonly focus: boolean } | null>(null);
  #index: PassageIndex | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #counting: AbortController | null = null;
  readonly #closed = new AbortController();
  readonly #options: ChooserOptions;
  readonly #client: AppClient;

  constructor(client: AppClient, options: ChooserOptions) {
    this.#client = client;
    this.#options = options;
    this.file = options.file;
    this.passages = passagesOf(options.file);
    this.starts = unitStarts(options.file);
    const { text } = options.file;
    this.rows =
      options.file.pageStarts?.map((start, index, all) => ({ start, end: all[index + 1] ?? text.length })) ??
      this.passages;
    this.question = options.question;
    this.chosen = options.file.parts ?? [];
    this.ranges = placesText(this.placesOf(this.chosen));
  }

  get hasPages(): boolean {
    return this.file.pageStarts !== null;
  }

  /** Reads the file, ranks its passages, and chooses the best ones where nothing was chosen before. */
  async start(): Promise<void> {
    const measured = this.#measure();
    void this.#countWhole();
    this.#index = await PassageIndex.of(this.file.text, this.passages);
    await measured;
    if (this.#closed.signal.aborted) return;
    this.#rank();
    if (this.file.parts === null) await this.chooseBest();
    else await this.#countHits();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#counting?.abort();
    this.#closed.abort();
  }

  /** Pages or lines that parts touch. */
  placesOf(parts: readonly TextPart[]): NumberRange[] {
    return parts.map((part) => rangeOf(part, this.starts));
  }

  /** Shows a part where it stands. */
  showInText({ start }: TextPart): void {
    this.mode = 'hand';
    this.wanted = { place: start, focus: true };
  }

  ask(question: string): void {
    this.question = question;
    this.#rank();
    this.#countSoon();
  }

  /** Chooses what answers the question best, as much as is free. */
  async chooseBest(): Promise<void> {
    await this.#countHits();
    const best = this.#bestHits();
    this.noneFits = best.length === 0 && (this.hits?.length ?? 0) > 0;
    this.#choose(best.map(({ index }) => this.passages[index]));
    await this.#measure();
    // The sum was a guess; what was ranked last goes first.
    while (best.length > 1 && this.room?.fits === false && !this.#closed.signal.aborted) {
      best.pop();
      this.#choose(best.map(({ index }) => this.passages[index]));
      await this.#measure();
    }
  }

  /** Takes a stretch in, or off. */
  set(part: TextPart, isIn: boolean): void {
    this.#choose(isIn ? [...this.chosen, part] : without(this.chosen, part));
    this.#countSoon();
  }

  /** Shows the first part that is chosen. */
  showChosen(): void {
    const [first] = this.chosen;
    if (first) this.wanted ??= { place: first.start, focus: false };
  }

  /** Takes pages or lines as they are typed; what cannot be read changes nothing. */
  type(ranges: string): void {
    this.ranges = ranges;
    const read = parseRanges(ranges, this.starts.length);
    this.rangesProblem = read === 'form' || read === 'beyond' ? read : null;
    if (read === 'form' || read === 'beyond') return;
    this.chosen = read === 'empty' ? [] : partsOfRanges(read, this.starts, this.file.text.length);
    this.showChosen();
    this.#countSoon();
  }

  #choose(parts: readonly (TextPart | undefined)[]): void {
    this.chosen = joined(parts.filter((part) => part !== undefined));
    this.ranges = placesText(this.placesOf(this.chosen));
    this.rangesProblem = null;
  }

  #rank(): void {
    if (this.#index === null) return;
    this.hits = hasWords(this.question) ? this.#index.rank(this.question) : [];
    this.noneFits = false;
  }

  #bestHits(): Hit[] {
    const hits = this.hits ?? [];
    const least = (hits[0]?.score ?? 0) * BEST_SHARE;
    const good = hits.slice(0, SHOWN_HITS).filter(({ score }) => score >= least);
    const { room } = this;
    if (room === null) return good.slice(0, BEST_UNCOUNTED);
    let left = room.freeTokens - HEAD_TOKENS;
    const best: Hit[] = [];
    for (const hit of good) {
      const tokens = (this.tokens.get(hit.index) ?? 0) + MARK_TOKENS;
      if (tokens > left || best.length === MAX_BEST) continue;
      left -= tokens;
      best.push(hit);
    }
    return best;
  }

  async #countHits(): Promise<void> {
    const wanted = (this.hits ?? [])
      .slice(0, SHOWN_HITS)
      .flatMap(({ index }) => (this.tokens.has(index) ? [] : [index]));
    if (wanted.length === 0) return;
    const texts = wanted.map((index) => {
      const { start, end } = this.passages[index] ?? { start: 0, end: 0 };
      return this.file.text.slice(start, end);
    });
    const { signal } = this.#closed;
    const counted = await this.#client.attachments.countTokens({ texts }, { signal }).catch(() => null);
    if (counted === null) return;
    this.tokens = new Map([...this.tokens, ...wanted.map((index, at) => [index, counted[at] ?? 0] as const)]);
  }

  #countSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      void this.#countHits();
      void this.#measure();
    }, COUNT_DELAY_MS);
  }

  async #countWhole(): Promise<void> {
    const { file, files, sendOf } = this.#options;
    const input = sendOf(files.map((other) => (other.id === file.id ? { ...file, parts: null } : other)));
    const preview = await this.#client.context
      .preview(input, { signal: this.#closed.signal })
      .catch(() => null);
    if (preview === null || preview.contextSize === null) return;
    this.wholeTokens = preview.counts?.attachments.find(({ id }) => id === file.id)?.tokens ?? 'too_long';
  }

  /** Counts what is chosen, in the prompt that it would be sent with. */
  async #measure(): Promise<void> {
    this.#counting?.abort();
    const counting = new AbortController();
    this.#counting = counting;
    const { file, files, sendOf } = this.#options;
    const parts = [...this.chosen];
    const others = files.filter(({ id }) => id !== file.id);
    const place = files.findIndex(({ id }) => id === file.id);
    const sent = parts.length === 0 ? others : others.toSpliced(place, 0, { ...file, parts });
    this.isCounting = true;
    const { signal } = counting;
    const preview = await this.#client.context.preview(sendOf(sent), { signal }).catch(() => null);
    if (this.#counting !== counting || this.#closed.signal.aborted) return;
    this.isCounting = false;
    const size = preview?.contextSize ?? null;
    if (preview === null || size === null) this.room = null;
    else if (preview.counts === null) {
      const freeTokens = this.room?.freeTokens ?? 0;
      this.room = { freeTokens, usedTokens: null, fits: false, leftOut: 0 };
    } else {
      const { promptTokens, attachments } = preview.counts;
      const usedTokens = attachments.find(({ id }) => id === file.id)?.tokens ?? 0;
      const freeTokens = Math.max(0, size - preview.reserveTokens - (promptTokens - usedTokens));
      this.room = { freeTokens, usedTokens, fits: preview.fits, leftOut: preview.leftOut.length };
    }
  }
}
