import {
  appError,
  HITS_PER_CHAT,
  type SearchChat,
  type SearchFilters,
  type SearchHit,
  type SearchResult,
  type Segment,
} from '../../contract/index.ts';
import { all, each, first, one } from '../sql.ts';
import type { Db } from '../sql.ts';
import { highlighted, scoreOf, snippetOf } from './search-rank.ts';
import {
  chatWhere,
  isChatIn,
  MAX_RANGES,
  MAX_RANGES_LONG_PREFIX,
  scopeOf,
  type Scope,
} from './search-scope.ts';
import { matchExpression, parseQuery, type ParsedQuery } from './search-text.ts';

/**
 * Hits of a page that are ranked by their text, newest first: enough for the best to be among them, few enough that
 * reading them takes milliseconds.
 */
export const RANKED_HITS = 250;
/** Titles are short: this many of the hits in them are ranked. */
const RANKED_TITLES = 200;
/** Hits looked at before the search lets others in and asks whether it is still wanted: a few milliseconds. */
const SLICE_HITS = 2_000;
/** Hits that a page looks through for those that pass the filters: about 100 ms. The next page goes on from there. */
const MAX_LOOKED = 100_000;
const LONG_PREFIX = 4;
/** Messages that one statement looks through: rare combinations of common words take it milliseconds. */
const WINDOW = 200_000;

export interface SearchInput {
  query: string;
  filters: SearchFilters;
  cursor: string | null;
  limit: number;
}

/** Each yield: a slice has ended, others may have their turn. */
type Step<T> = Generator<void, T, void>;

interface Hit {
  seq: number;
  conversation: number;
}

/** Pages: titles belong to the first window of hits only. */
interface Place {
  /** Highest `seq` of the window. */
  top: number;
  isFirst: boolean;
  offset: number;
}

function placeOf(db: Db, cursor: string | null): Place {
  if (cursor === null) {
    const { top } = one<{ top: number | null }>(db, 'SELECT max(seq) AS top FROM search_documents', {});
    return { top: top ?? 0, isFirst: true, offset: 0 };
  }
  const match = /^([01])\.(\d{1,15})\.(\d{1,9})$/u.exec(cursor);
  if (!match) throw appError('invalid_input');
  return { isFirst: match[1] === '1', top: Number(match[2]), offset: Number(match[3]) };
}

const cursorOf = ({ isFirst, top, offset }: Place) => `${isFirst ? 1 : 0}.${top}.${offset}`;

// Hits ---------------------------------------------------------------------------------------------------

// FTS5 seeks to whole numbers only, and a bound number is none to it: without the CAST it would read every hit.
const HITS = `SELECT f.rowid AS seq, d.conversation, d.created_at AS createdAt, d.is_user AS isUser
  FROM search_messages f JOIN search_documents d ON d.seq = f.rowid
  WHERE f.text MATCH @match AND f.rowid BETWEEN CAST(@low AS INTEGER) AND CAST(@high AS INTEGER)
  ORDER BY f.rowid DESC`;

type HitRow = Hit & { createdAt: number; isUser: 0 | 1 };

interface FoundHits {
  hits: Hit[];
  /** The `seq` to go on from; null when there are no more. */
  next: number | null;
}

/** The newest hits up to `top` that pass the filters, at most {@link RANKED_HITS}. */
function* newestHits(
  db: Db,
  match: string,
  scope: Scope,
  { top, window }: { top: number; window: number },
): Step<FoundHits> {
  const hits: Hit[] = [];
  let looked = 0;
  for (const { low, high } of scope.ranges) {
    for (let from = Math.min(high, top); from >= low; from -= window + 1) {
      const range = { match, low: Math.max(low, from - window), high: from };
      for (const { seq, conversation, createdAt, isUser } of each<HitRow>(db, HITS, range)) {
        looked += 1;
        if (looked % SLICE_HITS === 0) yield;
        if (looked > MAX_LOOKED || hits.length === RANKED_HITS) return { hits, next: seq };
        if (!isChatIn(scope, conversation)) continue;
        if (createdAt < scope.from || createdAt >= scope.to) continue;
        if (scope.isUser !== null && isUser !== scope.isUser) continue;
        hits.push({ seq, conversation });
      }
      yield;
    }
  }
  return { hits, next: null };
}

interface RankedChat {
  score: number;
  titleHit: boolean;
  hits: (SearchHit & { score: number; text: string })[];
}

type MessageText = Omit<SearchHit, 'snippet'> & { conversation: number; text: string };

const TEXTS = `SELECT m.id AS messageId, m.role, m.created_at AS createdAt, d.conversation, m.text
  FROM json_each(@seqs) i JOIN messages m ON m.seq = i.value JOIN search_documents d ON d.seq = m.seq
  WHERE m.removed_at IS NULL`;

/** Texts read between two looks at whether the search is still wanted. */
const READ_AT_ONCE = 50;

function* rankHits(
  db: Db,
  hits: readonly Hit[],
  query: ParsedQuery,
  chats: Map<number, RankedChat>,
): Step<number> {
  const now = Date.now();
  let ranked = 0;
  for (let at = 0; at < hits.length; at += READ_AT_ONCE) {
    const seqs = JSON.stringify(hits.slice(at, at + READ_AT_ONCE).map(({ seq }) => seq));
    for (const { conversation, ...message } of all<MessageText>(db, TEXTS, { seqs })) {
      const score = scoreOf(message.text, query.must, now - message.createdAt);
      const chat = chats.get(conversation) ?? { score: 0, titleHit: false, hits: [] };
      chat.hits.push({ ...message, score, snippet: [] });
      if (!chat.titleHit) chat.score = Math.max(chat.score, score);
      chats.set(conversation, chat);
      ranked += 1;
    }
    yield;
  }
  return ranked;
}

// bm25 is cheap here: titles are few and short.
const TITLES = `SELECT f.rowid AS conversation, -bm25(search_titles) AS score
  FROM search_titles f WHERE f.title MATCH @match ORDER BY f.rowid DESC LIMIT ${RANKED_TITLES * 10}`;

/** Above every score that a text can have: titles come first. */
const TITLE_SCORE = 1_000;

function rankTitles(
  db: Db,
  match: string,
  scope: Scope,
  filters: SearchFilters,
  chats: Map<number, RankedChat>,
) {
  // A title has no date and no role of its own.
  if (filters.role !== null || filters.from !== null || filters.to !== null) return;
  const found = all<{ conversation: number; score: number }>(db, TITLES, { match })
    .filter(({ conversation }) => isChatIn(scope, conversation))
    .slice(0, RANKED_TITLES);
  for (const { conversation, score } of found) {
    chats.set(conversation, { score: TITLE_SCORE + score, titleHit: true, hits: [] });
  }
}

// Pages --------------------------------------------------------------------------------------------------

interface ChatRow extends Omit<SearchChat, 'title' | 'titleHit' | 'hits' | 'hitCount'> {
  seq: number;
  title: string;
}

const CHATS = `SELECT c.seq, c.id AS conversationId, c.title, c.updated_at AS updatedAt, c.folder_id AS folderId,
    c.archived_at AS archivedAt, c.trashed_at AS trashedAt
  FROM conversations c`;

function chatResult(
  { seq: _, title, ...chat }: ChatRow,
  { titleHit, hits }: RankedChat,
  query: ParsedQuery,
  shown: { from: number; to: number },
): SearchChat {
  const best = hits.toSorted((a, b) => b.score - a.score || b.createdAt - a.createdAt);
  return {
    ...chat,
    title: highlighted(title, query.must),
    titleHit,
    hits: best.slice(shown.from, shown.to).map(({ score: _score, text, ...hit }) => ({
      ...hit,
      snippet: snippetOf(text, query.must),
    })),
    hitCount: hits.length,
  };
}

/**
 * How far the index is, which is filled from the newest message on; null when all is in it. By `seq`, not counted.
 * Removed messages that wait to be taken out are no part of that.
 */
function indexingOf(db: Db): SearchResult['indexing'] {
  const row = first<{ pending: number; total: number }>(
    db,
    `SELECT p.seq AS pending, (SELECT max(seq) FROM messages) AS total FROM search_pending_messages p
      WHERE NOT EXISTS (SELECT 1 FROM search_documents d WHERE d.seq = p.seq)
      ORDER BY p.seq DESC LIMIT 1`,
  );
  return row ? { done: Math.max(0, row.total - row.pending), total: row.total } : null;
}

/** All chats that the filters let through, the last changed first. */
function listed(db: Db, { filters, cursor, limit }: SearchInput): SearchResult {
  const { where, parameters } = chatWhere(db, filters);
  const offset = cursor === null ? 0 : placeOf(db, cursor).offset;
  const dates =
    filters.from === null && filters.to === null ? '' : 'AND c.updated_at >= @from AND c.created_at < @to';
  const between = dates === '' ? {} : { from: filters.from ?? 0, to: filters.to ?? Number.MAX_SAFE_INTEGER };
  const rows = all<ChatRow>(
    db,
    `${CHATS} WHERE ${where} ${dates} ORDER BY c.updated_at DESC, c.seq DESC LIMIT @limit OFFSET @offset`,
    { ...parameters, ...between, limit: limit + 1, offset },
  );
  const title = (text: string): Segment[] => [{ text, hit: false }];
  return {
    chats: rows.slice(0, limit).map(({ seq: _, title: text, ...chat }) => ({
      ...chat,
      title: title(text),
      titleHit: false,
      hits: [],
      hitCount: 0,
    })),
    cursor: rows.length > limit ? cursorOf({ isFirst: true, top: 0, offset: offset + limit }) : null,
    rankedNewest: null,
    indexing: indexingOf(db),
  };
}

const nothing = (db: Db): SearchResult => ({
  chats: [],
  cursor: null,
  rankedNewest: null,
  indexing: indexingOf(db),
});

/**
 * One page of a search, in slices of a few milliseconds: whoever runs it may stop between two of them.
 * @throws invalid_input for a cursor that is none
 */
export function* searchSteps(db: Db, input: SearchInput): Step<SearchResult> {
  if (input.query.trim() === '') return listed(db, input);
  const query = parseQuery(input.query);
  const match = matchExpression(query);
  if (match === null) return nothing(db);

  const place = placeOf(db, input.cursor);
  const hasLongPrefix = query.must.some(
    ({ words, isPrefix }) => isPrefix && (words.at(-1)?.length ?? 0) >= LONG_PREFIX,
  );
  const scope = scopeOf(db, input.filters, hasLongPrefix ? MAX_RANGES_LONG_PREFIX : MAX_RANGES);
  yield;
  const chats = new Map<number, RankedChat>();
  if (place.isFirst) rankTitles(db, match, scope, input.filters, chats);
  yield;
  const window = hasLongPrefix ? Number.MAX_SAFE_INTEGER : WINDOW;
  const { hits, next: nextTop } = yield* newestHits(db, match, scope, { top: place.top, window });
  const ranked = yield* rankHits(db, hits, query, chats);

  const next = nextTop === null ? null : { isFirst: false, top: nextTop, offset: 0 };
  const order = [...chats].sort(([a, x], [b, y]) => y.score - x.score || b - a);
  const isInside = input.filters.conversationId !== null;
  const { offset } = place;
  const end = offset + input.limit;
  const page = isInside ? order : order.slice(offset, end);
  const rows = all<ChatRow>(db, `${CHATS} WHERE c.seq IN (SELECT value FROM json_each(@seqs))`, {
    seqs: JSON.stringify(page.map(([seq]) => seq)),
  });
  const bySeq = new Map(rows.map((row) => [row.seq, row]));
  const shown = isInside ? { from: offset, to: end } : { from: 0, to: HITS_PER_CHAT };
  const isMoreHere = (isInside ? (order[0]?.[1].hits.length ?? 0) : order.length) > end;
  const following = isMoreHere ? { ...place, offset: end } : next;
  return {
    chats: page.flatMap(([seq, chat]) => {
      const row = bySeq.get(seq);
      return row ? [chatResult(row, chat, query, shown)] : [];
    }),
    cursor: following && cursorOf(following),
    rankedNewest: nextTop === null ? null : ranked,
    indexing: indexingOf(db),
  };
}
