import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { Attachment, PageStarts } from '../../contract/index.ts';
import type { NewAttachment } from '../../contract/index.ts';
import type { StoreApi, StoredFile } from '../api.ts';
import { all, insertInto, one, run } from '../sql.ts';
import type { Db, Queries } from '../sql.ts';
import { PATH_SEQS } from './path-seqs.ts';

const INSERT = insertInto('attachments', {
  id: 'id',
  messageId: 'message_id',
  place: 'place',
  name: 'name',
  kind: 'kind',
  sizeBytes: 'size_bytes',
  characters: 'characters',
  pages: 'pages',
  text: 'text',
});

const SELECT = `SELECT a.id, a.message_id AS messageId, a.name, a.kind, a.size_bytes AS sizeBytes, a.pages, a.text
  FROM attachments a JOIN messages m ON m.id = a.message_id`;

type FileRow = Omit<StoredFile, 'pageStarts'> & { pages: string | null };

function fileOf({ pages, kind, ...row }: FileRow): StoredFile {
  return {
    ...row,
    kind: v.parse(Attachment.entries.kind, kind),
    pageStarts: pages === null ? null : v.parse(PageStarts, JSON.parse(pages)),
  };
}

/** Puts files under a message, in this order. */
export function insertFiles(db: Db, messageId: string, files: readonly NewAttachment[]): void {
  for (const [place, { id, name, kind, sizeBytes, text, pageStarts }] of files.entries())
    run(db, INSERT, {
      ...{ id, messageId, place, name, kind, sizeBytes, text },
      characters: text.length,
      pages: pageStarts && JSON.stringify(pageStarts),
    });
}

/** Gives a message the files of another. */
export function copyFiles(db: Db, fromId: string, toId: string): void {
  const ids = all<{ id: string }>(db, 'SELECT id FROM attachments WHERE message_id = @fromId', { fromId });
  for (const { id } of ids)
    run(
      db,
      `INSERT INTO attachments (id, message_id, place, name, kind, size_bytes, characters, pages, text)
        SELECT @copyId, @toId, place, name, kind, size_bytes, characters, pages, text
          FROM attachments WHERE id = @id`,
      { id, copyId: randomUUID(), toId },
    );
}

/** Files of messages, with their text. */
export const attachments: Queries<StoreApi['attachments']> = {
  get: (db, { id }) => fileOf(one<FileRow>(db, `${SELECT} WHERE a.id = @id`, { id })),

  onPath: (db, { id }) =>
    all<FileRow>(db, `${SELECT} WHERE m.seq IN (${PATH_SEQS}) ORDER BY m.seq, a.place`, { id }).map(fileOf),

  ofConversation: (db, { id }) =>
    all<FileRow>(
      db,
      `${SELECT} WHERE m.conversation_id = @id AND m.removed_at IS NULL ORDER BY m.seq, a.place`,
      { id },
    ).map(fileOf),
};
