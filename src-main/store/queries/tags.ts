import { appError, type Tag } from '../../contract/index.ts';
import type { StoreApi, StoredTag } from '../api.ts';
import { all, change, first, one, run } from '../sql.ts';
import type { Db, Queries } from '../sql.ts';
import { statesOf } from './history-states.ts';
import { fold } from './search-text.ts';

const LIST = `SELECT t.id, t.name, (
    SELECT count(*) FROM conversation_tags ct JOIN conversations c ON c.id = ct.conversation_id
      WHERE ct.tag_id = t.id AND c.trashed_at IS NULL
  ) AS chatCount FROM tags t`;

const tagWithId = (db: Db, id: string) =>
  one<StoredTag>(db, 'SELECT id, name FROM tags WHERE id = @id', { id });

/** Puts tags back as they were; one whose name was given to another stays away. */
export function insertTags(db: Db, tags: readonly StoredTag[]): void {
  for (const { id, name } of tags) {
    run(db, 'UPDATE OR IGNORE tags SET name = @name, folded = @folded WHERE id = @id', {
      id,
      name,
      folded: fold(name),
    });
    run(db, 'INSERT OR IGNORE INTO tags (id, name, folded) VALUES (@id, @name, @folded)', {
      id,
      name,
      folded: fold(name),
    });
  }
}

/** Names are unique without regard to case and accents. */
export const tags: Queries<StoreApi['tags']> = {
  list: (db) => all<Tag>(db, `${LIST} ORDER BY t.folded`),

  create(db, { id, name }) {
    const folded = fold(name);
    run(db, 'INSERT OR IGNORE INTO tags (id, name, folded) VALUES (@id, @name, @folded)', {
      id,
      name,
      folded,
    });
    return one<Tag>(db, `${LIST} WHERE t.folded = @folded`, { folded });
  },

  rename(db, { id, name }) {
    const before = tagWithId(db, id);
    const folded = fold(name);
    if (first(db, 'SELECT 1 FROM tags WHERE folded = @folded AND id <> @id', { folded, id })) {
      throw appError('conflict');
    }
    change(db, 'UPDATE tags SET name = @name, folded = @folded WHERE id = @id', { id, name, folded });
    return before;
  },

  remove(db, { id }) {
    const tag = tagWithId(db, id);
    const carriers = all<{ id: string }>(
      db,
      'SELECT conversation_id AS id FROM conversation_tags WHERE tag_id = @id',
      { id },
    );
    const states = statesOf(
      db,
      carriers.map((row) => row.id),
    ).map((state) => ({ id: state.id, addTags: [id] }));
    change(db, 'DELETE FROM tags WHERE id = @id', { id });
    return { tag, states };
  },
};
