import { JSONParser, TokenType } from '@streamparser/json';
import { appError, type ImportFailure } from '../../contract/index.ts';
import { baseNameOf } from './foreign-kit.ts';
import { JSON_VERSION } from './formats.ts';
import { FORMAT } from './own-file.ts';

/** What a file holds, as it is read. */
export type Found =
  /** An element of a list of chats. */
  | { type: 'entry'; value: unknown }
  /** The file is one of ours. */
  | { type: 'own' }
  | { type: 'folder' | 'tag' | 'chat'; value: unknown }
  /** A file that is one object; without the lists of a file of ours. */
  | { type: 'object'; value: Readonly<Record<string, unknown>> }
  /** The lines of a file with an object on each. */
  | { type: 'lines'; values: readonly unknown[] };

/** One chat is whole in memory, a file of many is not: the longest text of a chat, UTF-16 units. */
const MAX_ONE_CHAT = 128_000_000;
/** Of lists and objects in each other; chats have some ten. The parser keeps much of each, however short its text. */
const MAX_DEPTH = 1_000;

const OWN_LISTS = { folders: 'folder', tags: 'tag', conversations: 'chat' } as const;
/** What is kept of a file that is one object: the fields of which other programs make a chat. */
const FIELDS = [
  ...['id', 'object', 'name', 'title', 'createdAt', 'created', 'updated', 'exported_at', 'pinned'],
  ...['systemPrompt', 'userLastMessagedAt', 'assistantLastMessagedAt', 'lastUsedModel'],
  ...['perChatPredictionConfig', 'assistants', 'metadata'],
];
const OBJECT_PATHS = [
  ...['format', 'version', ...FIELDS].map((field) => `$.${field}`),
  ...[...Object.keys(OWN_LISTS), 'messages'].map((list) => `$.${list}.*`),
];

const unreadable = (reason: ImportFailure, cause?: unknown) =>
  appError('import_unreadable', { reason }, cause === undefined ? {} : { cause });

/** Reads one file as its text arrives. Lists are handed on element by element, whatever they add up to. */
export class ImportFile {
  readonly name: string;
  readonly #isLines: boolean;
  #parser: JSONParser | null = null;
  #found: Found[] = [];
  #units = 0;
  /** Since the last element of a list that was handed on. */
  #unitsOfOne = 0;
  #depth = 0;
  #isOwn = false;
  #isObject = false;
  /** Of a value; the parser would take an error that is thrown there for its own. */
  #failure: ImportFailure | null = null;
  readonly #fields = new Map<string, unknown>();
  readonly #messages: unknown[] = [];
  /** What is behind the last end of a line. */
  #line = '';

  /** @param name with its folders inside of what was chosen; '' when it has none */
  constructor(name: string) {
    this.name = name;
    this.#isLines = baseNameOf(name).toLowerCase().endsWith('.jsonl');
  }

  /** What the text brings. @throws import_unreadable */
  read(text: string): Found[] {
    // A mark of the encoding, at the very start only.
    const plain = this.#units === 0 ? text.replace(/^\uFEFF/u, '') : text;
    this.#units += text.length;
    const isOneChat = this.#isLines || (this.#isObject && !this.#isOwn);
    this.#unitsOfOne += text.length;
    if ((isOneChat ? this.#units : this.#unitsOfOne) > MAX_ONE_CHAT) throw unreadable('too_large');
    if (this.#isLines) this.#readLines(plain);
    else this.#readJson(plain);
    if (this.#found.length > 0) this.#unitsOfOne = 0;
    return this.#take();
  }

  /** What only the end brings. @throws import_unreadable when it comes too early */
  end(): Found[] {
    if (this.#isLines) {
      this.#readLine(this.#line, 'truncated');
      if (this.#messages.length === 0) throw unreadable('empty');
      return [{ type: 'lines', values: this.#messages }];
    }
    if (!this.#parser) throw unreadable('empty');
    if (!this.#parser.isEnded) throw unreadable('truncated');
    if (!this.#isObject || this.#isOwn) return [];
    return [{ type: 'object', value: { ...Object.fromEntries(this.#fields), messages: this.#messages } }];
  }

  #take(): Found[] {
    const found = this.#found;
    this.#found = [];
    return found;
  }

  #readLines(text: string): void {
    const lines = (this.#line + text).split('\n');
    this.#line = lines.pop() ?? '';
    for (const line of lines) this.#readLine(line, 'not_json');
  }

  #readLine(line: string, reason: ImportFailure): void {
    if (line.trim() === '') return;
    try {
      this.#messages.push(JSON.parse(line));
    } catch (cause) {
      throw unreadable(reason, cause);
    }
  }

  #readJson(text: string): void {
    if (!this.#parser && text.trim() === '') return;
    this.#parser ??= this.#parserFor(text.trimStart());
    try {
      if (!this.#parser.isEnded) this.#parser.write(text);
      else if (text.trim() !== '') throw new Error('text behind the end');
    } catch (cause) {
      throw unreadable(this.#depth > MAX_DEPTH ? 'too_large' : 'not_json', cause);
    }
    if (this.#failure !== null) throw unreadable(this.#failure);
  }

  #parserFor(start: string): JSONParser {
    this.#isObject = start.startsWith('{');
    if (!this.#isObject && !start.startsWith('[')) throw unreadable('not_json');
    const parser = new JSONParser({ paths: this.#isObject ? OBJECT_PATHS : ['$.*'], keepStack: false });
    parser.onToken = ({ token }) => this.#onToken(token);
    parser.onValue = ({ key, value, stack }) => this.#onValue(key, stack.at(-1)?.key, value);
    return parser;
  }

  #onToken(token: TokenType): void {
    if (token === TokenType.LEFT_BRACE || token === TokenType.LEFT_BRACKET) this.#depth += 1;
    else if (token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET) this.#depth -= 1;
    if (this.#depth > MAX_DEPTH) throw new Error('too deep');
  }

  #onValue(key: string | number | undefined, list: string | number | undefined, value: unknown): void {
    if (!this.#isObject) this.#found.push({ type: 'entry', value });
    else if (list === 'messages') this.#messages.push(value);
    else if (list === 'folders' || list === 'tags' || list === 'conversations') this.#onOwn(list, value);
    else if (key === 'format') {
      this.#isOwn = value === FORMAT;
      if (this.#isOwn) this.#found.push({ type: 'own' });
      else this.#failure ??= 'no_chats';
    } else if (key === 'version' && this.#isOwn) {
      if (typeof value !== 'number' || value > JSON_VERSION) this.#failure ??= 'newer';
    } else if (typeof key === 'string') this.#fields.set(key, value);
  }

  #onOwn(list: keyof typeof OWN_LISTS, value: unknown): void {
    if (this.#isOwn) this.#found.push({ type: OWN_LISTS[list], value });
    else this.#failure ??= 'no_chats';
  }
}
