import { implement } from '@orpc/server';
import { appError, contract } from '../contract/index.ts';
import type { Backups } from './backups.ts';

const os = implement(contract);

/** Handlers of backups in a run with a whole database. */
export function backupRoutes(backups: Backups) {
  const wholeDatabase = () => {
    throw appError('conflict');
  };
  return {
    list: os.backups.list.handler(() => backups.list()),
    space: os.backups.space.handler(() => backups.space()),
    make: os.backups.make.handler(() => backups.make()),
    restore: os.backups.restore.handler(({ input }) => backups.restore(input.id)),
    good: os.backups.good.handler(wholeDatabase),
    recover: os.backups.recover.handler(wholeDatabase),
  };
}
