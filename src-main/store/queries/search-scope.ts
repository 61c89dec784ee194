import type { SearchFilters } from '../../contract/index.ts';
import { all, one } from '../sql.ts';
import type { Db } from '../sql.ts';
import { folderIdsInside } from './folders.ts';
import { BEING_DELETED } from './history-states.ts';

/** Up to this many messages, a filter is answered from its messages instead of from all hits. */
const SMALL_FILTER = 20_000;
/**
 * Ranges of messages that a filter is looked through in: a cursor of the index costs about 50 µs. For a beginning
 * that is longer than the index's own (three letters) every cursor merges the words it stands for, in milliseconds.
 */
export const MAX_RANGES = 500;
export const MAX_RANGES_LONG_PREFIX = 6;
/** What a hit must fulfil beside the words. */
export interface Scope {
  /** null: every chat but those in `without`. */
  only: Set<number> | null;
  without: Set<number>;
  from: number;
  to: number;
  isUser: 0 | 1 | null;
  /** Ranges of `seq`, newest first. */
  ranges: { low: number; high: number }[];
}

const placeWhere = {
  all: 'c.trashed_at IS NULL',
  chats: 'c.trashed_at IS NULL AND c.archived_at IS NULL',
  archive: 'c.trashed_at IS NULL AND c.archived_at IS NOT NULL',
  trash: `c.trashed_at > ${BEING_DELETED}`,
};

/** The part of a WHERE on `conversations c`, with its parameters. */
export function chatWhere(db: Db, filters: SearchFilters) {
  const { folderId, tagId, modelId, conversationId, place } = filters;
  const wheres = [placeWhere[place ?? 'all']];
  const parameters: Record<string, string> = {};
  if (folderId !== null) {
    wheres.push('c.folder_id IN (SELECT value FROM json_each(@folders))');
    parameters['folders'] = JSON.stringify(folderIdsInside(db, folderId));
  }
  if (tagId !== null) {
    wheres.push('c.id IN (SELECT conversation_id FROM conversation_tags WHERE tag_id = @tagId)');
    parameters['tagId'] = tagId;
  }
  if (modelId !== null) {
    wheres.push(
      `(c.model_id = @modelId OR EXISTS (SELECT 1 FROM conversation_models cm
        WHERE cm.conversation_id = c.id AND cm.model_id = @modelId))`,
    );
    parameters['modelId'] = modelId;
  }
  if (conversationId !== null) {
    wheres.push('c.id = @conversationId');
    parameters['conversationId'] = conversationId;
  }
  return { where: wheres.join(' AND '), parameters };
}

/** At most `limit` ranges over `seqs`, which are in descending order: cut at the widest gaps. */
function rangesOf(seqs: readonly number[], limit: number): Scope['ranges'] {
  const gaps = seqs.map((seq, i) => (i === 0 ? 0 : (seqs[i - 1] ?? seq) - seq));
  const widest = gaps.toSorted((a, b) => b - a)[limit - 1] ?? 0;
  const ranges: Scope['ranges'] = [];
  seqs.forEach((seq, i) => {
    const last = ranges.at(-1);
    const gap = gaps[i] ?? 0;
    if (last && (gap <= widest || gap === 1)) last.low = seq;
    else ranges.push({ low: seq, high: seq });
  });
  return ranges;
}

function seqsWhere(db: Db, where: string, parameters: Record<string, string | number>): number[] {
  const rows = all<{ seq: number }>(
    db,
    `SELECT seq FROM search_documents WHERE ${where} LIMIT ${SMALL_FILTER + 1}`,
    parameters,
  );
  return rows.map(({ seq }) => seq).sort((a, b) => b - a);
}

function boundsOf(db: Db, dates: { from: number; to: number }): Scope['ranges'][number] {
  const bounds = one<{ low: number | null; high: number | null }>(
    db,
    `SELECT min(seq) AS low, max(seq) AS high FROM search_documents
      WHERE created_at >= @from AND created_at < @to`,
    dates,
  );
  return { low: bounds.low ?? 0, high: bounds.high ?? 0 };
}

export function scopeOf(db: Db, filters: SearchFilters, maxRanges: number): Scope {
  const { from, to, role, folderId, tagId, modelId, conversationId, place } = filters;
  const everything = [{ low: 0, high: Number.MAX_SAFE_INTEGER }];
  const scope: Scope = {
    only: null,
    without: new Set(),
    from: from ?? 0,
    to: to ?? Number.MAX_SAFE_INTEGER,
    isUser: role === null ? null : role === 'user' ? 1 : 0,
    ranges: everything,
  };
  const isOfChats = [folderId, tagId, modelId, conversationId, place].some((filter) => filter !== null);
  if (!isOfChats) {
    const trashed = all<{ seq: number }>(db, 'SELECT seq FROM conversations WHERE trashed_at IS NOT NULL');
    for (const { seq } of trashed) scope.without.add(seq);
  } else {
    const { where, parameters } = chatWhere(db, filters);
    const chats = all<{ seq: number; count: number }>(
      db,
      `SELECT c.seq, c.message_count AS count FROM conversations c WHERE ${where}`,
      parameters,
    );
    scope.only = new Set(chats.map(({ seq }) => seq));
    if (chats.reduce((sum, { count }) => sum + count, 0) <= SMALL_FILTER) {
      const chatsOf = 'conversation IN (SELECT value FROM json_each(@chats))';
      const seqs = seqsWhere(db, chatsOf, { chats: JSON.stringify([...scope.only]) });
      if (seqs.length <= SMALL_FILTER) scope.ranges = rangesOf(seqs, maxRanges);
    }
  }
  if (scope.ranges === everything && (from !== null || to !== null)) {
    const dates = { from: scope.from, to: scope.to };
    const seqs = seqsWhere(db, 'created_at >= @from AND created_at < @to', dates);
    if (seqs.length <= SMALL_FILTER) scope.ranges = rangesOf(seqs, maxRanges);
    else scope.ranges = [boundsOf(db, dates)];
  }
  return scope;
}

export const isChatIn = ({ only, without }: Scope, conversation: number) =>
  only === null ? !without.has(conversation) : only.has(conversation);
