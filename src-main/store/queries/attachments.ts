import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { Attachment, PageStarts, placesOf, TextParts } from '../../contract/index.ts';
import type { NewAttachment } from '../../contract/index.ts';
import type { StoreApi, StoredFile } from '../api.ts';
import { all, insertInto, one, run } from '../sql.ts';
import type { Db, Queries } from '../sql.ts';
import { PATH_SEQS } from './path-seqs.ts';

/** Where files lie, and the column that says whose they are. */
const OWNERS = { attachments: 'message_id', queued_files: 'queued_id' } as const;
type FileTable = keyof typeof OWNERS;

const COLUMNS = 'place, name, kind, size_bytes, characters, pages, parts, text';

const insertOf = (table: FileTable) =>
  insertInto(table, {
    id: 'id',
    ownerId: OWNERS[table],
    place: 'place',
    name: 'name',
    kind: 'kind',
    sizeBytes: 'size_bytes',
    characters: 'characters',
    pages: 'pages',
    parts: 'parts',
    text: 'text',
  });

const FIELDS = 'a.name, a.kind, a.size_bytes AS sizeBytes, a.pages, a.parts, a.text';
const SELECT = `SELECT a.id, a.message_id AS messageId, ${FIELDS}
  FROM attachments a JOIN messages m ON m.id = a.message_id`;
const QUEUED = `SELECT a.id, a.queued_id AS messageId, ${FIELDS}
  FROM queued_files a JOIN queued_messages q ON q.id = a.queued_id`;

const Attachments = v.array(Attachment);

/** Files of the row `owner` of another table, without their texts, as {@link attachmentsOf} reads them. */
export const attachmentList = (table: FileTable, owner: string): string =>
  `(SELECT json_group_array(json_object('id', a.id, 'name', a.name, 'kind', a.kind, 'sizeBytes', a.size_bytes,
    'characters', a.characters, 'pages', json_array_length(a.pages), 'parts', json(a.parts)) ORDER BY a.place)
  FROM ${table} a WHERE a.${OWNERS[table]} = ${owner}) AS attachments`;

/** What {@link attachmentList} gave. */
export function attachmentsOf(list: string): Attachment[] {
  return list === '[]' ? [] : v.parse(Attachments, JSON.parse(list));
}

type FileRow = Omit<StoredFile, 'pageStarts' | 'parts'> & { pages: string | null; parts: string | null };

function fileOf({ pages, parts, kind, ...row }: FileRow): StoredFile {
  return {
    ...row,
    kind: v.parse(Attachment.entries.kind, kind),
    pageStarts: pages === null ? null : v.parse(PageStarts, JSON.parse(pages)),
    parts: parts === null ? null : v.parse(TextParts, JSON.parse(parts)),
  };
}

function insert(db: Db, table: FileTable, ownerId: string, files: readonly NewAttachment[]): void {
  const sql = insertOf(table);
  for (const [place, file] of files.entries()) {
    const { id, name, kind, sizeBytes, text, pageStarts, parts } = file;
    run(db, sql, {
      ...{ id, ownerId, place, name, kind, sizeBytes, text },
      characters: text.length,
      pages: pageStarts && JSON.stringify(pageStarts),
      parts: parts && JSON.stringify(placesOf(file, parts)),
    });
  }
}

/** Puts files under a message, in this order. */
export function insertFiles(db: Db, messageId: string, files: readonly NewAttachment[]): void {
  insert(db, 'attachments', messageId, files);
}

/** Puts files under a message that waits. */
export function insertQueuedFiles(db: Db, queuedId: string, files: readonly NewAttachment[]): void {
  insert(db, 'queued_files', queuedId, files);
}

/** Gives a message the files of one that waited. */
export function takeQueuedFiles(db: Db, queuedId: string, messageId: string): void {
  run(
    db,
    `INSERT INTO attachments (id, message_id, ${COLUMNS})
      SELECT id, @messageId, ${COLUMNS} FROM queued_files WHERE queued_id = @queuedId`,
    { queuedId, messageId },
  );
}

/** Gives a message the files of another. */
export function copyFiles(db: Db, fromId: string, toId: string): void {
  const ids = all<{ id: string }>(db, 'SELECT id FROM attachments WHERE message_id = @fromId', { fromId });
  for (const { id } of ids)
    run(
      db,
      `INSERT INTO attachments (id, message_id, ${COLUMNS})
        SELECT @copyId, @toId, ${COLUMNS} FROM attachments WHERE id = @id`,
      { id, copyId: randomUUID(), toId },
    );
}

/** Files of messages, with their text. */
export const attachments: Queries<StoreApi['attachments']> = {
  get: (db, { id }) =>
    fileOf(one<FileRow>(db, `${SELECT} WHERE a.id = @id UNION ALL ${QUEUED} WHERE a.id = @id`, { id })),

  onPath: (db, { id }) =>
    all<FileRow>(db, `${SELECT} WHERE m.seq IN (${PATH_SEQS}) ORDER BY m.seq, a.place`, { id }).map(fileOf),

  ofConversation: (db, { id }) =>
    all<FileRow>(
      db,
      `${SELECT} WHERE m.conversation_id = @id AND m.removed_at IS NULL ORDER BY m.seq, a.place`,
      { id },
    ).map(fileOf),

  ofQueue: (db, { id }) =>
    all<FileRow>(db, `${QUEUED} WHERE q.conversation_id = @id ORDER BY q.place, q.created_at, a.place`, {
      id,
    }).map(fileOf),
};
