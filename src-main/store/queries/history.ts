import type { ChatPlace } from '../../contract/index.ts';
import type { StoreApi } from '../api.ts';
import { one, run } from '../sql.ts';
import type { Db, Queries } from '../sql.ts';
import { putBackFolders } from './folders.ts';
import { BEING_DELETED, putBackChats, updateChats } from './history-states.ts';
import { summariesWhere } from './summary-rows.ts';
import { insertTags } from './tags.ts';

export const wherePlace: Record<ChatPlace, string> = {
  chats: 'c.trashed_at IS NULL AND c.archived_at IS NULL',
  archive: 'c.trashed_at IS NULL AND c.archived_at IS NOT NULL',
  trash: `c.trashed_at > ${BEING_DELETED}`,
};

/** What a place is ordered by, newest first; for the trash the time of the removal. */
const timeOf: Record<ChatPlace, string> = {
  chats: 'c.updated_at',
  archive: 'c.updated_at',
  trash: 'c.trashed_at',
};

function list(db: Db, { place, after, limit }: Parameters<StoreApi['history']['list']>[0]) {
  const time = timeOf[place];
  const where = wherePlace[place];
  const withPinned = place === 'chats';
  const pinned =
    withPinned && after === null
      ? summariesWhere(db, `WHERE ${where} AND c.pinned_at IS NOT NULL ORDER BY c.pinned_at DESC, c.seq DESC`)
      : [];
  const rest = withPinned ? 'AND c.pinned_at IS NULL' : '';
  const from = after === null ? '' : `AND (${time}, c.seq) < (@time, @seq)`;
  const page = summariesWhere(
    db,
    `WHERE ${where} ${rest} ${from} ORDER BY ${time} DESC, c.seq DESC LIMIT @limit`,
    after === null ? { limit } : { limit, ...after },
  );
  const last = page.length < limit ? undefined : page.at(-1);
  const next =
    last &&
    one<{ time: number; seq: number }>(
      db,
      `SELECT ${time} AS time, c.seq AS seq FROM conversations c WHERE c.id = @id`,
      { id: last.id },
    );
  const { total } = one<{ total: number }>(
    db,
    `SELECT count(*) AS total FROM conversations c WHERE ${where}`,
    {},
  );
  return { summaries: [...pinned, ...page], after: next ?? null, total };
}

/** Lists, and what is done to many chats at once. */
export const history: Queries<StoreApi['history']> = {
  list,

  summaries: (db, { ids }) =>
    summariesWhere(
      db,
      `WHERE c.id IN (SELECT value FROM json_each(@ids)) AND (c.trashed_at IS NULL OR c.trashed_at > ${BEING_DELETED})`,
      { ids: JSON.stringify(ids) },
    ),

  update: (db, { ids, change: wanted, at }) => updateChats(db, ids, wanted, at),

  putBack(db, { folders, tags, states }) {
    putBackFolders(db, folders);
    insertTags(db, tags);
    return putBackChats(db, states);
  },

  autoTitle: (db, input) =>
    run(
      db,
      `UPDATE conversations SET title = @title WHERE id = @id AND title_source = 'auto' AND trashed_at IS NULL
        AND title = @before`,
      input,
    ).changes > 0,
};
