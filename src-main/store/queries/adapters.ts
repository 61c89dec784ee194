import * as v from 'valibot';
import { AdapterBase } from '../../contract/index.ts';
import type { StoreApi, StoredAdapter, StoredAttachment } from '../api.ts';
import { all, change, insertInto, run, selectList } from '../sql.ts';
import type { Columns, Queries } from '../sql.ts';

type Row = Omit<StoredAdapter, 'bases' | 'targets'> & { bases: string; targets: string };

const Bases = v.array(AdapterBase);
const Targets = v.array(v.tuple([v.string(), v.number(), v.number()]));

const columns: Columns<Row> = { modelId: 'model_id', rank: 'rank', bases: 'bases', targets: 'targets' };
const attachedColumns: Columns<Pick<StoredAttachment, 'modelId' | 'adapterId' | 'scale'>> = {
  modelId: 'model_id',
  adapterId: 'adapter_id',
  scale: 'scale',
};

const PUT = `${insertInto('adapters', columns)} ON CONFLICT (model_id)
  DO UPDATE SET rank = excluded.rank, bases = excluded.bases, targets = excluded.targets`;
const ATTACH = `${insertInto('attached_adapters', attachedColumns)} ON CONFLICT (model_id, adapter_id)
  DO UPDATE SET scale = excluded.scale`;

/** A row goes when the adapter or its model goes: the schema sees to it. */
export const adapters: Queries<StoreApi['adapters']> = {
  list: (db) =>
    all<Row>(db, `SELECT ${selectList('a', columns)} FROM adapters a ORDER BY a.model_id`).map(
      ({ bases, targets, ...row }) => ({
        ...row,
        bases: v.parse(Bases, JSON.parse(bases)),
        targets: v.parse(Targets, JSON.parse(targets)),
      }),
    ),

  put: (db, { bases, targets, ...row }) =>
    void run(db, PUT, { ...row, bases: JSON.stringify(bases), targets: JSON.stringify(targets) }),

  attached: (db) =>
    all<StoredAttachment>(
      db,
      `SELECT ${selectList('t', attachedColumns)}, m.name AS name, m.path AS path
        FROM attached_adapters t JOIN models m ON m.id = t.adapter_id ORDER BY t.seq`,
    ),

  attach: (db, attachment) => void run(db, ATTACH, { ...attachment }),

  detach: (db, { modelId, adapterId }) =>
    change(db, 'DELETE FROM attached_adapters WHERE model_id = @modelId AND adapter_id = @adapterId', {
      modelId,
      adapterId,
    }),
};
