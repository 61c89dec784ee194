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
    restore: os.backups.restore.handler(({ input, signal }) => backups.restore(input.id, signal)),
    good: os.backups.good.handler(wholeDatabase),
    recover: os.backups.recover.handler(wholeDatabase),
    look: os.backups.look.handler(wholeDatabase),
    endLook: os.backups.endLook.handler(wholeDatabase),
  };
}

/** Handlers of backups while someone looks at what can be read of a damaged database. */
export function lookRoutes({ space }: Pick<Backups, 'space'>, endLook: () => Promise<void>) {
  const readOnly = () => {
    throw appError('store_read_only');
  };
  return {
    // The choice has them.
    list: os.backups.list.handler(() => []),
    space: os.backups.space.handler(() => space()),
    make: os.backups.make.handler(readOnly),
    restore: os.backups.restore.handler(readOnly),
    good: os.backups.good.handler(readOnly),
    recover: os.backups.recover.handler(readOnly),
    look: os.backups.look.handler(readOnly),
    endLook: os.backups.endLook.handler(() => endLook()),
  };
}
